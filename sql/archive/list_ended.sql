/* archive/list_ended
A page of the showtimes that ended before a moment, in the order of their start.
Plan: index scan on showtimes_starts_at_idx, stopped by the limit.
$1 timestamptz after_start: start of the last one of the page before; a time far back for the first page
$2 bigint after_id: its id; 0 for the first page
$3 timestamptz before: which moment
$4 bigint row_limit: most rows to answer
Sample: select '-infinity'::timestamptz, 0::bigint, now(), 100::bigint
*/
select /* archive/list_ended */
    id,
    starts_at
from showtimes
where
    (starts_at, id) > ($1, $2)
    and starts_at < $3
    and ends_at < $3
order by starts_at, id
limit $4;
