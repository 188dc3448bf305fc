/* seed/generate_payments
Inserts a payment for each of the newest confirmed reservations, a refund for one in ten, and a ticket for each seat: so many as
make plans that use the indexes. Half of the payments that are pending are due since a day.
Plan: index scan on reservations_pkey, stopped by the limit, then the inserts.
$1 bigint row_limit: how many
Sample: select 16::bigint
*/
with /* seed/generate_payments */ sold as materialized (
    select
        r.id,
        r.showtime_id,
        r.seat_ids,
        r.total_price,
        row_number() over () as number
    from reservations as r
    where r.status = 'confirmed' and r.total_price > 0
    order by r.id desc
    limit $1
),

paid as (
    insert into payments (
        id, reservation_id, showtime_id, number, provider, status, amount, refunded, currency, reference, succeeded_at, settled_at,
        check_at
    )
    select
        gen_random_uuid(),
        id,
        showtime_id,
        1 as number,
        'stripe' as provider,
        case when number % 100 = 0 then 'pending' else 'succeeded' end as status,
        total_price,
        case when number % 10 = 1 then total_price else 0 end as refunded,
        'USD' as currency,
        'generated-' || number as reference,
        case when number % 100 <> 0 then now() end as succeeded_at,
        case when number % 100 <> 0 then now() end as settled_at,
        now() + (number % 200 - 50) * interval '30 minutes'
    from sold
    returning
        id,
        showtime_id,
        amount,
        refunded
),

given_back as (
    insert into refunds (payment_id, showtime_id, amount, reason, status, reference, succeeded_at)
    select
        id,
        showtime_id,
        refunded,
        'cancelled' as reason,
        case when number % 2 = 0 then 'pending' else 'succeeded' end as status,
        're-' || id as reference,
        case when number % 2 <> 0 then now() end as succeeded_at
    from (
        select
            id,
            showtime_id,
            refunded,
            row_number() over () as number
        from paid
        where refunded > 0
    ) as given
)

insert into tickets (id, reservation_id, showtime_id, seat_id, code)
select
    gen_random_uuid() as id,
    sold.id as reservation_id,
    sold.showtime_id,
    seat.id as seat_id,
    upper(lpad(to_hex(sold.number * 16 + seat.place), 10, '0')) as code
from sold
cross join lateral unnest(sold.seat_ids) with ordinality as seat (id, place)
on conflict do nothing;
