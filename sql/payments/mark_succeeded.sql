/* payments/mark_succeeded
Marks a payment as paid, whatever was thought of it before, and writes that to the outbox; no row if it is already, or if there
is none. A background job
looks at it after a minute, if the worker that does this is killed before it has confirmed the reservation.
Plan: index scan on payments_pkey.
$1 uuid payment_id: which
$2 text reference: the provider's id
$3 text charge_reference: what the provider refunds
Sample: select (select id from payments where status = 'pending' order by reservation_id desc, number desc limit 1), 'cs_sample',
'pi_sample'
*/
with /* payments/mark_succeeded */ paid as (
    update payments
    set
        status = 'succeeded',
        succeeded_at = clock_timestamp(),
        reference = $2,
        charge_reference = $3,
        settled_at = null,
        check_at = clock_timestamp() + interval '1 minute'
    where id = $1 and status <> 'succeeded'
    returning id, reservation_id, provider, amount, currency
),

told as (
    insert into outbox (type, reservation_id, data)
    select
        'payment.succeeded',
        reservation_id,
        jsonb_build_object(
            'payment_id', id,
            'reservation_id', reservation_id,
            'provider', provider,
            'amount', amount::text,
            'currency', currency
        )
    from paid
)

select paid.reservation_id
from paid;
