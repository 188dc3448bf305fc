/* deliveries/find_delivery
One delivery, also if it has ended; not one to a webhook that was deleted. `waits_for` is the first of the earlier deliveries that it
waits for, as a claim does.
Plan: index scans on deliveries_pkey, events_pkey, webhooks_pkey and deliveries_order_idx.
$1 bigint delivery_id: which
Sample: select max(id) from deliveries
*/
select /* deliveries/find_delivery */
    d.id,
    d.channel,
    d.kind,
    case when d.kind = 'webhook.test' then 'test-' || d.id else e.event_id::text end as message_id,
    d.webhook_id,
    d.reservation_id,
    d.showtime_id,
    d.user_id,
    d.status,
    d.attempts,
    case when d.status = 'pending' then d.next_attempt_at end as next_attempt_at,
    d.created_at,
    d.ended_at,
    d.last_error,
    d.last_status_code,
    d.last_duration_ms,
    case
        when d.status = 'pending'
            then (
                -- `+ 0` as in webhooks/list_deliveries.
                select min(earlier.id + 0)
                from deliveries as earlier
                where
                    earlier.status = 'pending'
                    and earlier.reservation_id = d.reservation_id
                    and earlier.channel = d.channel
                    and earlier.webhook_id is not distinct from d.webhook_id
                    and earlier.id + 0 < d.id
            )
    end as waits_for
from deliveries as d
left join events as e on d.event_id = e.id
left join webhooks as w on d.webhook_id = w.id
where
    d.id = $1
    and (d.channel = 'mail' or w.id is not null);
