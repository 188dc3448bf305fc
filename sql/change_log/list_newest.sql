/* change_log/list_newest
A page of the change log, newest first.
Plan: index scan on change_log_at_idx, stopped by the limit.
$1 timestamptz before: time of the last one of the page before; a time far ahead for the first page
$2 bigint before_id: its id
$3 timestamptz made_from: only those made from then on
$4 timestamptz made_to: only those made before then
$5 bigint row_limit: most rows to answer
Sample: select now() + interval '1 year', 1::bigint, '-infinity'::timestamptz, 'infinity'::timestamptz, 51::bigint
*/
select /* change_log/list_newest */
    id,
    at,
    user_id,
    action,
    subject,
    before::text,
    after::text,
    request_id
from change_log
where
    (at, id) < ($1, $2::bigint)
    and at >= $3
    and at < $4
order by at desc, id desc
limit $5;
