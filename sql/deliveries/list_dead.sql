/* deliveries/list_dead
A page of the deliveries that were given up, newest first; not those to webhooks that were deleted, nor tests.
Plan: index scan on deliveries_dead_idx, stopped by the limit, and events_pkey and webhooks_pkey for each; the filter
passes over those of the other channel.
$1 text channel: mail or webhook; null for both
$2 bigint before_id: the last id of the page before; the highest id for the first page
$3 bigint row_limit: most rows to answer
Sample: select null::text, 9223372036854775807::bigint, 51::bigint
*/
select /* deliveries/list_dead */
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
    null::bigint as waits_for
from deliveries as d
left join events as e on d.event_id = e.id
left join webhooks as w on d.webhook_id = w.id
where
    d.status = 'dead'
    and d.id < $2
    and ($1::text is null or d.channel = $1)
    and (d.channel = 'mail' or w.id is not null)
    and d.kind <> 'webhook.test'
order by d.id desc
limit $3;
