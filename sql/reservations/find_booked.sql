/* reservations/find_booked
Which of some seats are booked or blocked, and which; read when Redis has refused holds, to name the reason for each seat.
Plan: nested loop from the seats asked for to an index scan on booked_seats_showtime_id_seat_id_key.
$1 bigint[] showtime_ids: for every seat, of which showtime
$2 bigint[] seat_ids: the seats
Sample: select array_agg(showtime_id), array_agg(seat_id) from (select showtime_id, seat_id from booked_seats order by
showtime_id desc, seat_id desc limit 16) as b
*/
select /* reservations/find_booked */
    b.showtime_id,
    b.seat_id,
    b.reservation_id is null as is_blocked
from unnest($1::bigint[], $2::bigint[]) as asked (showtime_id, seat_id)
inner join booked_seats as b on asked.showtime_id = b.showtime_id and asked.seat_id = b.seat_id;
