/* showtimes/delete_showtime
Removes a showtime; reservations_showtime_id_fkey refuses one that was ever reserved.
Plan: index scan on showtimes_pkey.
$1 bigint showtime_id: which
*/
delete from showtimes
where id = $1
returning id;
