/* webhooks/list_webhooks
A page of webhooks in the order of their ids.
Plan: index scan on webhooks_pkey, stopped by the limit.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: most rows to answer
Sample: select 0::bigint, 50::bigint
*/
select /* webhooks/list_webhooks */
    id,
    url,
    events,
    active,
    disabled_at,
    disabled_reason,
    created_at,
    updated_at
from webhooks
where id > $1
order by id
limit $2;
