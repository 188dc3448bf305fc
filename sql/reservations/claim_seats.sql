/* reservations/claim_seats
Takes the seats of a reservation that its caller has locked; answers those it got. A seat that another owns is left to
them by the unique constraint booked_seats_showtime_id_seat_id_key. Seats are taken in one order everywhere, so claims
cannot deadlock.
Plan: index scan on reservation_seats_pkey, then the inserts.
$1 uuid reservation_id: whose seats
$2 bigint showtime_id: its showtime
*/
insert into booked_seats (showtime_id, seat_id, reservation_id)
select
    $2,
    rs.seat_id,
    rs.reservation_id
from reservation_seats as rs
where rs.reservation_id = $1
order by rs.seat_id
on conflict (showtime_id, seat_id) do nothing
returning seat_id;
