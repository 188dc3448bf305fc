/* webhooks/insert_test
Adds a delivery of a test to a webhook.
Plan: index scan on webhooks_pkey, and the insert.
$1 bigint webhook_id: which; the caller has locked it
$2 text traceparent: of the request that asks, if its spans are exported, or null
Sample: select min(id), null::text from webhooks
*/
insert /* webhooks/insert_test */ into deliveries (channel, kind, webhook_id, data)
select
    'webhook' as channel,
    'webhook.test' as kind,
    id,
    case when $2::text is not null then jsonb_build_object('traceparent', $2::text) end as data
from webhooks
where id = $1
returning id;
