/* webhooks/note_failure
Notes the first failure after a success, or returns true if deliveries have failed for so long that the webhook is to be
disabled; no row for a failure in between.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
$2 interval most: for how long deliveries may fail
Sample: select min(id), interval '24 hours' from webhooks
*/
update /* webhooks/note_failure */ webhooks
set failing_since = coalesce(failing_since, clock_timestamp())
where
    id = $1
    and active
    and (failing_since is null or failing_since <= clock_timestamp() - $2::interval)
returning failing_since <= clock_timestamp() - $2::interval as is_overdue;
