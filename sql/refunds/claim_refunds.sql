/* refunds/claim_refunds
Claims due refunds, the longest due first: their attempts are counted before the provider is asked, and if the worker is
killed they are due again after 1, 2, 4 and so on minutes, at most 60.
Plan: index scans on refunds_next_attempt_at_idx, refunds_pkey and payments_pkey.
$1 bigint row_limit: most refunds
Sample: select 20::bigint
*/
with /* refunds/claim_refunds */ due as materialized (
    select f.id
    from refunds as f
    where f.status = 'pending' and f.next_attempt_at <= clock_timestamp()
    order by f.next_attempt_at
    limit $1
    for no key update skip locked
)

update refunds as f
set
    attempts = f.attempts + 1,
    next_attempt_at = clock_timestamp() + least(60, power(2, least(f.attempts, 6))) * interval '1 minute'
from due
cross join payments as p
where f.id = due.id and p.id = f.payment_id
returning
    f.id,
    f.payment_id,
    f.amount,
    f.attempts,
    f.reference,
    p.currency,
    p.charge_reference;
