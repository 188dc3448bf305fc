/* auditoriums/lock_auditorium
Locks a room against other writers of its seats and its programme, and answers how many seats it may have. Readers
and the foreign keys of bookings go on.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: which
Sample: select min(id) from auditoriums
*/
select /* auditoriums/lock_auditorium */ capacity
from auditoriums
where id = $1
for no key update;
