/* availability/list_open
The next showtimes that are not over, or have started within half a day, in the order of their start.
Plan: index only scan on showtimes_status_idx, stopped by the limit.
$1 timestamptz after_start: start of the last one before; null to begin with the first
$2 bigint after_id: its id; 0 to begin with the first
$3 bigint row_limit: most showtimes to return
Sample: select null::timestamptz, 0::bigint, 200::bigint
*/
select /* availability/list_open */
    id,
    starts_at
from showtimes
where
    status = 'scheduled'
    and (starts_at, id) > (coalesce($1::timestamptz, now() - interval '12 hours'), $2)
order by starts_at, id
limit $3;
