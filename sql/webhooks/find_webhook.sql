/* webhooks/find_webhook
One webhook by its id.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
Sample: select min(id) from webhooks
*/
select /* webhooks/find_webhook */
    id,
    url,
    events,
    active,
    disabled_at,
    disabled_reason,
    created_at,
    updated_at
from webhooks
where id = $1;
