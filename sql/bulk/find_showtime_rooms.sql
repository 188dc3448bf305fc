/* bulk/find_showtime_rooms
Returns the rooms of showtimes. They can change until the caller has locked the rooms.
Plan: index scan on showtimes_pkey.
$1 bigint[] showtime_ids: the showtimes
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
select /* bulk/find_showtime_rooms */ distinct auditorium_id
from showtimes
where id = any($1);
