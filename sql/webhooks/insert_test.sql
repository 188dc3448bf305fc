/* webhooks/insert_test
Adds a delivery of a test to a webhook.
Plan: one insert.
$1 bigint webhook_id: which; the caller has locked it
Sample: select min(id) from webhooks
*/
insert /* webhooks/insert_test */ into deliveries (channel, kind, webhook_id)
values ('webhook', 'webhook.test', $1)
returning id;
