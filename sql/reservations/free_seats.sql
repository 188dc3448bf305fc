/* reservations/free_seats
Frees seats of a confirmed reservation, unless the showtime starts too soon; returns the freed seats.
Plan: index scans on showtimes_pkey and booked_seats_showtime_id_seat_id_key.
$1 uuid reservation_id: locked by the caller
$2 bigint showtime_id: its showtime
$3 bigint cutoff_s: seconds before the start from which on nothing is freed; null if it may be freed at any time
$4 bigint[] seat_ids: which of its seats
Sample: select r.id, r.showtime_id, 0::bigint, r.seat_ids from (select) as one left join (select id, showtime_id, seat_ids
from reservations where status = 'confirmed' order by id desc limit 1) as r on true
*/
delete /* reservations/free_seats */ from booked_seats as b
using
    showtimes as st,
    unnest($4::bigint[]) as seat (id)
where
    st.id = $2
    and b.showtime_id = st.id
    and b.seat_id = seat.id
    and b.reservation_id = $1
    and ($3::bigint is null or st.starts_at - $3::bigint * interval '1 second' > clock_timestamp())
returning b.seat_id;
