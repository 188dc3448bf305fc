/* webhooks/claim
Claims deliveries that are due, for a while, a few of each webhook: so that one whose receiver is slow leaves places to the
others; one at a time of those whose last delivery failed. Not those behind an earlier one of the same reservation and webhook
that has not ended. Rows that another session claims at this moment are skipped. Webhooks that were deleted count as well:
their deliveries have to end.
Plan: index scans on deliveries_webhook_due_idx, one for each webhook to find the next one, and one for each that has a free
place, stopped by its limit; for each delivery an index scan on deliveries_order_idx.
$1 bigint row_limit: most rows to claim
$2 bigint claim_s: seconds until a claim ends
$3 bigint[] busy_ids: webhooks to which deliveries are under way
$4 integer[] busy_counts: how many to each of these
$5 integer most: how many may be under way to one webhook
Sample: select 16::bigint, 120::bigint, '{1}'::bigint[], '{2}'::integer[], 4
*/
with /* webhooks/claim */ recursive waiting (webhook_id) as (
    (
        select webhook_id
        from deliveries
        where status = 'pending' and webhook_id is not null
        order by webhook_id
        limit 1
    )
    union all
    select (
        select d.webhook_id
        from deliveries as d
        where d.status = 'pending' and d.webhook_id > waiting.webhook_id
        order by d.webhook_id
        limit 1
    )
    from waiting
    where waiting.webhook_id is not null
),

free as (
    select
        w.webhook_id,
        case when h.failing_since is null then $5::integer else 1 end - coalesce(b.running, 0) as places
    from waiting as w
    left join webhooks as h on w.webhook_id = h.id
    left join unnest($3::bigint[], $4::integer[]) as b (webhook_id, running) on w.webhook_id = b.webhook_id
    where w.webhook_id is not null
),

due as materialized (
    select claimable.id
    from free as f
    cross join
        lateral (
            select
                d.id,
                d.next_attempt_at
            from deliveries as d
            where
                d.webhook_id = f.webhook_id
                and d.status = 'pending'
                and d.next_attempt_at <= now()
                -- "is false", not "not exists", which may become a join: with few rows it would read the whole table.
                and exists (
                    select
                    from deliveries as earlier
                    where
                        earlier.status = 'pending'
                        and earlier.reservation_id = d.reservation_id
                        and earlier.channel = 'webhook'
                        and earlier.webhook_id = d.webhook_id
                        and earlier.id < d.id
                ) is false
            order by d.next_attempt_at, d.id
            limit greatest(f.places, 0)
            for no key update of d skip locked
        ) as claimable
    order by claimable.next_attempt_at, claimable.id
    limit $1
)

update deliveries as d
set
    attempts = d.attempts + 1,
    next_attempt_at = now() + $2::bigint * interval '1 second',
    claimed_until = now() + $2::bigint * interval '1 second'
from due
where d.id = due.id
returning
    d.id,
    d.channel,
    d.kind,
    d.event_id,
    d.webhook_id,
    d.reservation_id,
    d.showtime_id,
    d.user_id,
    d.data,
    d.attempts,
    d.created_at;
