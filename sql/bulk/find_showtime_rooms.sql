/* bulk/find_showtime_rooms
The rooms in which showtimes are now, which is no longer sure until the rooms are locked.
Plan: index scan on showtimes_pkey.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
select /* bulk/find_showtime_rooms */ distinct auditorium_id
from showtimes
where id = any($1);
