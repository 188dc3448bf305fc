/* showtimes/delete_showtime
Removes a showtime and its blocks; reservations_showtime_id_fkey refuses one that was ever reserved.
Plan: index scans on showtimes_pkey and booked_seats_blocked_idx.
$1 bigint showtime_id: which
Sample: select (select st.id from showtimes as st where not exists (select from reservations as r where r.showtime_id =
st.id) order by st.id desc limit 1)
*/
with /* showtimes/delete_showtime */ unblocked as (
    delete from booked_seats
    where showtime_id = $1 and reservation_id is null
)

delete from showtimes
where id = $1
returning id;
