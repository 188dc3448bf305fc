/* archive/count_left
How many reservations of some showtimes are not archived.
Plan: index only scan on reservations_showtime_id_expires_at_idx.
$1 bigint[] showtime_ids: of which showtimes
Sample: select array_agg(id) from (select id from showtimes order by starts_at, id limit 16) as st
*/
select /* archive/count_left */ count(*) as reservations
from reservations
where showtime_id = any($1);
