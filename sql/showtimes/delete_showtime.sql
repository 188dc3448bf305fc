/* showtimes/delete_showtime
Removes a showtime; reservations_showtime_id_fkey refuses one that was ever reserved.
Plan: index scan on showtimes_pkey.
$1 bigint showtime_id: which
Sample: select (select st.id from showtimes as st where not exists (select from reservations as r where r.showtime_id =
st.id) order by st.id desc limit 1)
*/
delete /* showtimes/delete_showtime */ from showtimes
where id = $1
returning id;
