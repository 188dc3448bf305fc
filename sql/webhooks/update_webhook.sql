/* webhooks/update_webhook
Replaces a webhook. The caller has locked it. One that is made active counts its failures anew.
Plan: index scan on webhooks_pkey; the table has some rows only.
$1 bigint webhook_id: which
$2 text url: where events are sent
$3 text[] events: the types of these events
$4 boolean active: whether they are sent
Sample: select w.id, w.url, w.events, w.active from (select) as one left join (select * from webhooks order by id limit 1) as w on true
*/
update /* webhooks/update_webhook */ webhooks
set
    url = $2,
    events = $3,
    active = $4,
    failing_since = case when $4 and not active then null else failing_since end,
    disabled_at = case when not $4 then disabled_at end,
    disabled_reason = case when not $4 then disabled_reason end,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, url, events, active, disabled_at, disabled_reason, created_at, updated_at;
