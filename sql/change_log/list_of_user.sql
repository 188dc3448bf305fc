/* change_log/list_of_user
A page of the changes that one account made, newest first.
Plan: index scan on change_log_user_id_idx, stopped by the limit.
$1 timestamptz before: time of the last one of the page before; a time far ahead for the first page
$2 bigint before_id: its id
$3 timestamptz made_from: only those made from then on
$4 timestamptz made_to: only those made before then
$5 bigint row_limit: most rows to answer
$6 bigint user_id: whose
Sample: select now() + interval '1 year', 1::bigint, '-infinity'::timestamptz, 'infinity'::timestamptz, 51::bigint,
(select min(user_id) from change_log)
*/
select /* change_log/list_of_user */
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
    user_id = $6
    and (at, id) < ($1, $2::bigint)
    and at >= $3
    and at < $4
order by at desc, id desc
limit $5;
