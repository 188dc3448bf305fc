/* refunds/mark_succeeded
Marks a refund as done by the provider, and writes that to the outbox; one that is done stays as it is.
Plan: index scans on refunds_pkey and payments_pkey.
$1 uuid refund_id: which
$2 text reference: the provider's id
Sample: select (select f.id from refunds as f inner join payments as p on f.payment_id = p.id where f.status = 'pending' order by
p.reservation_id desc, p.number desc limit 1), 're_sample'
*/
with /* refunds/mark_succeeded */ made as (
    update refunds
    set
        status = 'succeeded',
        succeeded_at = clock_timestamp(),
        reference = $2,
        last_error = null
    where id = $1 and status <> 'succeeded'
    returning id, payment_id, amount, reason
)

insert into outbox (type, reservation_id, data)
select
    'payment.refunded',
    p.reservation_id,
    jsonb_build_object(
        'refund_id', m.id,
        'payment_id', m.payment_id,
        'reservation_id', p.reservation_id,
        'provider', p.provider,
        'amount', m.amount::text,
        'currency', p.currency,
        'reason', m.reason
    )
from made as m
inner join payments as p on m.payment_id = p.id;
