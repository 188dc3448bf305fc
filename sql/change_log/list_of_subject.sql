/* change_log/list_of_subject
A page of the changes of one thing, newest first; with an account, those that it made.
Plan: index scan on change_log_subject_idx, stopped by the limit.
$1 timestamptz before: time of the last one of the page before; a time far ahead for the first page
$2 bigint before_id: its id
$3 timestamptz made_from: only those made from then on
$4 timestamptz made_to: only those made before then
$5 bigint row_limit: most rows to answer
$6 text subject: which thing, such as movie/12
$7 bigint user_id: only changes that this account made; null for any
Sample: select now() + interval '1 year', 1::bigint, '-infinity'::timestamptz, 'infinity'::timestamptz, 51::bigint,
(select min(subject) from change_log), null::bigint
*/
select /* change_log/list_of_subject */
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
    subject = $6
    and ($7::bigint is null or user_id = $7)
    and (at, id) < ($1, $2::bigint)
    and at >= $3
    and at < $4
order by at desc, id desc
limit $5;
