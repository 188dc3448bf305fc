/* reservations/find_booked
Which of some seats are booked; asked when Redis has refused a hold, to say of each seat why.
Plan: index only scan on booked_seats_showtime_id_seat_id_key.
$1 bigint showtime_id: of which showtime
$2 bigint[] seat_ids: among these
*/
select seat_id
from booked_seats
where showtime_id = $1 and seat_id = any($2);
