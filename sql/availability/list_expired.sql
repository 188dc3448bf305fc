/* availability/list_expired
The showtimes of which a counted hold has expired since.
Plan: index scan on showtime_availability_recount_at_idx, stopped by the limit.
$1 bigint row_limit: most showtimes to return
Sample: select 500::bigint
*/
select /* availability/list_expired */ showtime_id
from showtime_availability
where recount_at <= now()
order by recount_at
limit $1;
