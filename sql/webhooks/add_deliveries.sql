/* webhooks/add_deliveries
Adds a delivery of each of these events for each active webhook that wants events of its type. Deliveries of a reservation
have ids in the order of its events.
Plan: index scan on events_pkey, joined with the webhooks, which are some rows only.
$1 bigint first_event_id: the events from this one
$2 bigint last_event_id: to this one
Sample: select coalesce(max(id), 0) - 500, coalesce(max(id), 0) from events
*/
insert /* webhooks/add_deliveries */ into deliveries (channel, kind, event_id, webhook_id, reservation_id, showtime_id)
select
    'webhook',
    e.type,
    e.id as event_id,
    w.id as webhook_id,
    e.reservation_id,
    e.showtime_id
from events as e
inner join webhooks as w on e.type = any(w.events)
where
    e.id between $1 and $2
    and w.active
order by e.id, w.id;
