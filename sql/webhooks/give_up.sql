/* webhooks/give_up
Gives up some deliveries that wait for a webhook that is not active, and returns how many. Not tests, and not those that are under
way: what came of them is noted by the process that makes them.
Plan: index scan on deliveries_webhook_due_idx, stopped by the limit, webhooks_pkey, and deliveries_pkey for each.
$1 bigint webhook_id: which
$2 bigint row_limit: most deliveries
Sample: select min(id), 1000::bigint from webhooks
*/
with /* webhooks/give_up */ waiting as materialized (
    select d.id
    from deliveries as d
    where
        d.webhook_id = $1
        and d.status = 'pending'
        and d.kind <> 'webhook.test'
        and (d.claimed_until is null or d.claimed_until <= now())
        and exists (
            select
            from webhooks as w
            where w.id = $1 and not w.active
        )
    order by d.next_attempt_at, d.id
    limit $2
    for no key update of d skip locked
),

given_up as (
    update deliveries as d
    set
        status = 'dead',
        ended_at = now(),
        claimed_until = null,
        last_error = 'The webhook is not active.'
    from waiting
    where d.id = waiting.id
    returning d.id
)

select count(*)
from given_up;
