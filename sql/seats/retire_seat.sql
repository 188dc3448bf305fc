/* seats/retire_seat
Retires a seat: it stays for the reservations that have it in their arrays. The caller has locked the room and its open
showtimes, and found no live hold and no booking of the seat.
Plan: index scan on seats_pkey.
$1 bigint seat_id: the seat
Sample: select min(id) from seats where retired_at is null
*/
update /* seats/retire_seat */ seats
set retired_at = now()
where id = $1;
