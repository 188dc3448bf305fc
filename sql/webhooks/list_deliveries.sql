/* webhooks/list_deliveries
A page of the deliveries of a webhook, newest first. `waits_for` is the first of the earlier deliveries that one waits for.
Plan: index scan on deliveries_webhook_id_idx, stopped by the limit, and events_pkey for each, and deliveries_order_idx for each that
waits; the filter passes over those of another status.
$1 bigint webhook_id: whose
$2 bigint before_id: the last id of the page before; the highest id for the first page
$3 text status: pending, delivered or dead; null for all
$4 bigint row_limit: most rows to answer
Sample: select min(webhook_id), 9223372036854775807::bigint, null::text, 51::bigint from deliveries
*/
select /* webhooks/list_deliveries */
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
                -- `+ 0` keeps the planner from reading deliveries by their ids: those of a reservation are few.
                select min(earlier.id + 0)
                from deliveries as earlier
                where
                    earlier.status = 'pending'
                    -- As every pending one; so the row is read, and the cost does not depend on the last vacuum.
                    and earlier.ended_at is null
                    and earlier.reservation_id = d.reservation_id
                    and earlier.channel = d.channel
                    and earlier.webhook_id is not distinct from d.webhook_id
                    and earlier.id + 0 < d.id
            )
    end as waits_for
from deliveries as d
left join events as e on d.event_id = e.id
where
    d.webhook_id = $1
    and d.id < $2
    and ($3::text is null or d.status = $3)
order by d.id desc
limit $4;
