/* webhooks/note_success
Notes that a delivery succeeded after others had failed.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
Sample: select min(id) from webhooks
*/
update /* webhooks/note_success */ webhooks
set failing_since = null
where id = $1 and failing_since is not null;
