/* webhooks/insert_test
Adds a delivery of a test to a webhook.
Plan: index scan on webhooks_pkey, and the insert.
$1 bigint webhook_id: which; the caller has locked it
Sample: select min(id) from webhooks
*/
insert /* webhooks/insert_test */ into deliveries (channel, kind, webhook_id)
select
    'webhook' as channel,
    'webhook.test' as kind,
    id
from webhooks
where id = $1
returning id;
