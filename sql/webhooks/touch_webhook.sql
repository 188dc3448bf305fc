/* webhooks/touch_webhook
Gives a webhook whose secret was replaced a new ETag and an entry in the change log. The caller has locked it.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
Sample: select min(id) from webhooks
*/
update /* webhooks/touch_webhook */ webhooks
set updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, url, events, active, disabled_at, disabled_reason, created_at, updated_at;
