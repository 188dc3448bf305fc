/* reservations/free_seats
Frees the seats of a confirmed reservation, unless the showtime starts too soon; returns the freed seats.
Plan: index scans on showtimes_pkey and booked_seats_reservation_id_idx.
$1 uuid reservation_id: locked by the caller
$2 bigint showtime_id: its showtime
$3 bigint cutoff_s: seconds before the start from which on nothing is freed
Sample: select r.id, r.showtime_id, 0::bigint from (select) as one left join (select id, showtime_id from reservations
where status = 'confirmed' order by id desc limit 1) as r on true
*/
delete /* reservations/free_seats */ from booked_seats as b
using showtimes as st
where
    b.reservation_id = $1
    and st.id = $2
    and st.starts_at - $3::bigint * interval '1 second' > clock_timestamp()
returning b.seat_id;
