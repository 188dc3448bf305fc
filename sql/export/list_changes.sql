/* export/list_changes
A page of the entries of the change log that concern a person, the oldest first.
Plan: index scan on change_log_person_id_idx, stopped by the limit.
$1 bigint person_id: whom
$2 bigint after: the last id of the page before; 0 for the first page
$3 bigint row_limit: most rows to answer
Sample: select (select min(person_id) from change_log), 0::bigint, 100::bigint
*/
select /* export/list_changes */
    id,
    at,
    user_id,
    action,
    subject,
    before::text,
    after::text,
    request_id
from change_log
where person_id = $1 and id > $2
order by id
limit $3;
