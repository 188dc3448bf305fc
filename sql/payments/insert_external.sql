/* payments/insert_external
Records what was paid elsewhere for holds, one or a batch of them, and writes that to the outbox: all that is due. A payment is
made only for a live hold.
Reservations that another session has locked are not in the result; the others have one row each, with their status, a hold
past its time as expired, and the payment that was made. No payment is made if nothing is due, and none if another request
makes one at the same moment: payments_reservation_id_number_key lets one in.
A background job looks at the payment when the hold ends.
Plan: nested loop from the ids to reservations_pkey; for each payments_reservation_id_number_key.
$1 uuid[] reservation_ids: which, each once
$2 bigint[] user_ids: whose, in the same order; null for one of anybody
$3 uuid[] payment_ids: new ones, in the same order
$4 text currency: of all
Sample: select array_agg(id), array_agg(user_id), array_agg(gen_random_uuid()), 'USD' from
(select id, user_id from reservations where status = 'held' order by id desc limit 16) as r
*/
with /* payments/insert_external */ locked as materialized (
    select
        r.id,
        r.total_price,
        r.expires_at,
        case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
        asked.place::integer as place
    from unnest($1::uuid[]) with ordinality as asked (id, place)
    inner join reservations as r on asked.id = r.id
    where
        coalesce(r.user_id = ($2::bigint[])[asked.place], ($2::bigint[])[asked.place] is null)
        -- A subquery is run once, before the first row is locked.
        and (select set_config('lock_timeout', '300ms', true)) is not null
    order by r.id
    for no key update of r skip locked
),

due as materialized (
    select
        l.*,
        l.total_price - paid.balance as amount,
        paid.last_number
    from locked as l
    cross join
        lateral (
            select
                coalesce(sum(p.amount - p.refunded) filter (where p.status = 'succeeded'), 0) as balance,
                coalesce(max(p.number), 0) as last_number
            from payments as p
            where p.reservation_id = l.id
        ) as paid
),

made as (
    insert into payments (id, reservation_id, number, provider, status, amount, currency, succeeded_at, check_at)
    select
        ($3::uuid[])[d.place],
        d.id,
        d.last_number + 1,
        'external',
        'succeeded',
        d.amount,
        $4,
        clock_timestamp(),
        d.expires_at
    from due as d
    where d.status = 'held' and d.amount > 0
    order by d.id
    on conflict (reservation_id, number) do nothing
    returning id, reservation_id, amount
),

told as (
    insert into outbox (type, reservation_id, data)
    select
        'payment.succeeded',
        m.reservation_id,
        jsonb_build_object(
            'payment_id', m.id,
            'reservation_id', m.reservation_id,
            'provider', 'external',
            'amount', m.amount::text,
            'currency', $4
        )
    from made as m
    order by m.reservation_id
)

select
    d.place,
    d.status,
    d.total_price::text as total_price,
    d.amount::text as amount_due,
    made.id as payment_id
from due as d
left join made on d.id = made.reservation_id;
