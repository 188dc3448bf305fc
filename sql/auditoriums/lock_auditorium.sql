/* auditoriums/lock_auditorium
Locks a room against other writers of its seats and its programme, and returns its capacity. Reads, and the foreign keys
of bookings, do not wait for this lock.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: the room
Sample: select min(id) from auditoriums
*/
select /* auditoriums/lock_auditorium */ capacity
from auditoriums
where id = $1
for no key update;
