/* deliveries/end_attempt
Notes what came of an attempt: the delivery is made, due again later, or given up. Nothing is changed if its claim has ended
and another process has claimed it since, or if it has been ended. Later deliveries of its reservation in the same channel,
and for the same webhook, wait for it: they are postponed with it, so that claims do not look at them again and again, and
are due when it has ended. Those that another session has locked stay as they are.
Plan: index scans on deliveries_pkey and deliveries_order_idx.
$1 bigint delivery_id: which
$2 integer attempts: as it was claimed
$3 text status: delivered, dead, or pending to try it again
$4 bigint retry_ms: milliseconds until it is due again; for pending
$5 text error: why the attempt failed, or null
$6 integer status_code: what the server answered, or null
$7 integer duration_ms: how long the attempt took, in milliseconds
Sample: select 1::bigint, 1, 'delivered', 0::bigint, null::text, 200, 12
*/
with /* deliveries/end_attempt */ noted as (
    update deliveries
    set
        status = $3,
        next_attempt_at = case
            when $3::text = 'pending' then now() + $4::bigint * interval '1 millisecond'
            else next_attempt_at
        end,
        claimed_until = null,
        ended_at = case when $3::text <> 'pending' then now() end,
        data = case when $3::text <> 'delivered' then data end,
        last_error = $5,
        last_status_code = $6,
        last_duration_ms = $7
    where id = $1 and attempts = $2 and status = 'pending'
    returning id, channel, webhook_id, reservation_id, status, next_attempt_at
),

-- With the lock inside, a plan made on empty tables looks for the reservation, too, instead of joining a whole index.
later as materialized (
    select
        waiting.id,
        case when n.status = 'pending' then n.next_attempt_at else now() end as due_at
    from noted as n
    cross join
        lateral (
            select d.id
            from deliveries as d
            where
                d.reservation_id = n.reservation_id
                and d.channel = n.channel
                and d.status = 'pending'
                and d.id > n.id
                and d.webhook_id is not distinct from n.webhook_id
                and case
                    when n.status = 'pending' then d.next_attempt_at < n.next_attempt_at
                    -- One that was tried has a time of its own.
                    else d.attempts = 0 and d.next_attempt_at > now()
                end
            for no key update skip locked
        ) as waiting
)

update deliveries as d
set next_attempt_at = l.due_at
from later as l
where d.id = l.id;
