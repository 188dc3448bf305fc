/* seats/find_seat
The room of a seat, which never moves to another.
Plan: index scan on seats_pkey.
$1 bigint seat_id: which
*/
select auditorium_id
from seats
where id = $1;
