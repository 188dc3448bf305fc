/* webhooks/delete_webhook
Deletes a webhook with its secrets. The caller has locked it.
Plan: index scan on webhooks_pkey. A foreign key deletes its secrets.
$1 bigint webhook_id: which
Sample: select max(id) from webhooks
*/
delete /* webhooks/delete_webhook */ from webhooks
where id = $1;
