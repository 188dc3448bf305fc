/* webhooks/lock_webhook
Locks a webhook against other writers, but not against readers. The next statement of the transaction sees what the writer
before committed.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
Sample: select min(id) from webhooks
*/
select /* webhooks/lock_webhook */ id
from webhooks
where id = $1
for no key update;
