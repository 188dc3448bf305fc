/* seats/lock_open_showtimes
Locks the showtimes of a room that are not over against holds and confirms, whose statements lock them FOR KEY SHARE: it
waits for those under way, whose rows the next statement of the transaction sees.
Plan: index scan on showtimes_auditorium_id_idx.
$1 bigint auditorium_id: the room; the caller has locked it
Sample: select min(id) from auditoriums
*/
select /* seats/lock_open_showtimes */ id
from showtimes
where auditorium_id = $1 and ends_at > now()
order by id
for update;
