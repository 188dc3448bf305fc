/* export/list_mails
A page of the mails to a person that were sent within 30 days or wait, without what they say.
Plan: index scan on deliveries_user_id_idx, stopped by the limit.
$1 bigint user_id: whose
$2 bigint after: the last id of the page before; 0 for the first page
$3 bigint row_limit: most rows to answer
Sample: select (select max(user_id) from deliveries), 0::bigint, 100::bigint
*/
select /* export/list_mails */
    id,
    kind,
    reservation_id,
    status,
    created_at,
    ended_at
from deliveries
where user_id = $1 and id > $2
order by id
limit $3;
