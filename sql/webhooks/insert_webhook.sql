/* webhooks/insert_webhook
Inserts a webhook, unless there are as many as there may be. The caller has taken the lock of the list.
Plan: one insert; the table has some rows only.
$1 text url: where events are sent
$2 text[] events: the types of these events
$3 boolean active: whether they are sent
$4 bigint most: how many webhooks there may be
Sample: select 'https://till.example/events', array['reservation.confirmed'], true, 100::bigint
*/
insert /* webhooks/insert_webhook */ into webhooks (url, events, active)
select
    $1,
    $2,
    $3
where (
    select count(*)
    from webhooks
) < $4
returning id, url, events, active, disabled_at, disabled_reason, created_at, updated_at;
