/* deliveries/claim
Claims deliveries that are due: each is to be made by the caller, who says what came of it before the claim ends; if the
caller dies, it is due again then. A delivery waits for earlier ones of its reservation in the same channel, and for the same
webhook. Rows that another session claims at this moment are skipped.
Plan: index scan on deliveries_due_idx, stopped by the limit; for each row an index scan on deliveries_order_idx.
$1 text channel: mail or webhook
$2 bigint row_limit: most rows to claim
$3 bigint claim_s: seconds until a claim ends
Sample: select 'mail', 16::bigint, 120::bigint
*/
with /* deliveries/claim */ due as materialized (
    select d.id
    from deliveries as d
    where
        d.channel = $1
        and d.status = 'pending'
        and d.next_attempt_at <= now()
        -- "is false", not "not exists", which may become a join: with few rows in the table it would read all of them.
        and exists (
            select
            from deliveries as earlier
            where
                earlier.status = 'pending'
                and earlier.reservation_id = d.reservation_id
                and earlier.channel = d.channel
                and earlier.webhook_id is not distinct from d.webhook_id
                and earlier.id < d.id
        ) is false
    order by d.next_attempt_at, d.id
    limit $2
    for no key update of d skip locked
)

update deliveries as d
set
    attempts = d.attempts + 1,
    next_attempt_at = now() + $3::bigint * interval '1 second',
    claimed_until = now() + $3::bigint * interval '1 second'
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
