/* refunds/refund_surplus
Refunds what was paid for reservations beyond what they cost: a confirmed one costs its total, and one that is cancelled or has
expired costs nothing. Live holds are left alone. Payments at Stripe are refunded first, of these and of external ones the
newest. External payments are refunded by whoever took the money, so their refunds are done with this, and told in the outbox;
the others are done by a background job.
Plan: index scans on payments_reservation_id_number_key, reservations_pkey and archived_reservations_pkey.
$1 uuid[] reservation_ids: locked by the caller, unless they are archived
$2 text reason: cancelled, seats_cancelled, exchanged, showtime_cancelled, not_available or overpaid
$3 bigint showtime_id: of which showtime all of them are; null if that is not known, since they do not exist any more
Sample: select array(select p.reservation_id from payments as p where p.showtime_id = st.showtime_id and p.status = 'succeeded'
and p.refunded = 0 order by p.reservation_id, p.number limit 16), 'cancelled', st.showtime_id from (select) as one left join
(select showtime_id from payments where status = 'succeeded' and refunded = 0 group by showtime_id order by count(*) desc,
showtime_id limit 1) as st on true
*/
with /* refunds/refund_surplus */ paid as materialized (
    select
        p.id,
        p.reservation_id,
        p.provider,
        p.currency,
        p.amount - p.refunded as balance,
        sum(p.amount - p.refunded) over (
            partition by p.reservation_id
            order by (p.provider = 'external') desc, p.number
        ) as running
    from payments as p
    where
        p.reservation_id = any($1)
        and p.showtime_id is not distinct from $3
        and p.status = 'succeeded'
        and p.refunded < p.amount
),

cost as materialized (
    select
        own.reservation_id,
        coalesce(
            (
                select
                    case
                        when r.status = 'held' and r.expires_at > clock_timestamp() then 'infinity'
                        when r.status = 'confirmed' then r.total_price
                        else 0
                    end
                from reservations as r
                where r.id = own.reservation_id and r.showtime_id is not distinct from $3
            ),
            (
                select a.total_price
                from archived_reservations as a
                where
                    a.id = own.reservation_id
                    and a.showtime_id is not distinct from $3
                    and a.status = 'confirmed'
            ),
            0
        ) as price
    from (select distinct reservation_id from paid) as own
),

surplus as materialized (
    select
        p.id,
        p.reservation_id,
        p.provider,
        p.currency,
        least(p.balance, p.running - c.price) as amount
    from paid as p
    inner join cost as c on p.reservation_id = c.reservation_id
    where p.running > c.price
),

marked as (
    update payments as p
    set refunded = p.refunded + s.amount
    from surplus as s
    where p.id = s.id and p.showtime_id is not distinct from $3
),

made as (
    insert into refunds (payment_id, showtime_id, amount, reason, status, succeeded_at)
    select
        s.id,
        $3::bigint,
        s.amount,
        $2,
        case when s.provider = 'external' then 'succeeded' else 'pending' end,
        case when s.provider = 'external' then clock_timestamp() end
    from surplus as s
    order by s.id
    returning id, payment_id, amount, reason
)

insert into outbox (type, reservation_id, data)
select
    'payment.refunded',
    s.reservation_id,
    jsonb_build_object(
        'refund_id', m.id,
        'payment_id', m.payment_id,
        'reservation_id', s.reservation_id,
        'provider', s.provider,
        'amount', m.amount::text,
        'currency', s.currency,
        'reason', m.reason
    )
from made as m
inner join surplus as s on m.payment_id = s.id
where s.provider = 'external'
order by s.reservation_id, m.id;
