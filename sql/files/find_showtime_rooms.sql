/* files/find_showtime_rooms
The rooms in which showtimes are now, which is no longer sure until the rooms are locked.
Plan: index scan on showtimes_pkey.
$1 bigint[] showtime_ids: which
*/
select distinct auditorium_id
from showtimes
where id = any($1);
