/* showtimes/list_open_ids
The showtimes of a room that are not over: those whose seat maps change with its seats.
Plan: index scan on showtimes_auditorium_id_idx.
$1 bigint auditorium_id: which room
Sample: select min(id) from auditoriums
*/
select /* showtimes/list_open_ids */ id
from showtimes
where auditorium_id = $1 and ends_at > now()
order by id;
