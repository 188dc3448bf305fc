/* webhooks/disable_webhook
Makes a webhook inactive, unless it is already, or for `failing`, a delivery has succeeded since.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
$2 text reason: failing or gone
Sample: select min(id), 'failing' from webhooks
*/
update /* webhooks/disable_webhook */ webhooks
set
    active = false,
    disabled_at = clock_timestamp(),
    disabled_reason = $2,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1 and active and (failing_since is not null or $2::text = 'gone')
returning id;
