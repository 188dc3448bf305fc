/* reservations/confirm
Confirms holds, one or a batch of them: each reservation gets all its seats and is confirmed, or is not. A statement on
its own, so that a batch is one round trip. Locks are taken in this order, so that confirms cannot deadlock: reservations
by id, showtimes by id, idempotency keys by their primary key, seats by showtime and seat.
Rows that another session has locked are skipped, so that one lock does not delay the whole batch. A skipped reservation is
not in the result; a reservation of a skipped showtime is not confirmed, and showtime_locked says so. (The foreign key of
booked_seats would wait for the showtime instead.) A wait for anything else, such as the same seat or key in another
session, ends after 300 ms; the limit lasts until the end of the transaction.
A reservation of which a seat is sold already claims none, and its row names the lost seats; neither does one without any
seats. One that loses a seat, or its time, while the statement runs gets a status that reservations_status_check refuses,
so the whole statement fails and changes nothing. The caller then confirms each of the batch alone.
What is confirmed is written to the outbox, from which mails and webhooks are sent.
An idempotency key is inserted with the confirm that has one. A confirm whose key was used within a day changes nothing.
Reservations are locked FOR NO KEY UPDATE: FOR UPDATE would deadlock with the foreign keys of a showtime that an
administrator deletes.
The result has one row for each reservation of the user that was not locked, with its place in the arrays, from 1: its status
before, with a hold past its time as expired, whether it is confirmed now, whether it is not because its key was used, and for a
hold that is not confirmed the seats that others own, and those of them that are blocked.
The items of the arrays but the ids are taken by their place where they are needed, as in insert_held.
Where payments are required, a reservation that costs more than was paid for it is not confirmed, and amount_due says what is
missing. With a payment's id, all that is due was paid elsewhere: the payment is inserted with the confirm, and amount_paid
is its amount; if nothing is due, neither is done, and amount_due is null. Should another session open a payment at the same
moment, payments_reservation_id_number_key makes the statement fail. Where payments are not required, none are read.
layout_version is that of the showtime, by which the caller knows whether its names and times are still the showtime's;
null for a reservation that was confirmed before.
The user and the showtime are compared by `is not distinct from`, which keeps the planner from reservations_user_id_idx and
reservations_showtime_id_expires_at_idx, by which it would read all reservations of the user or of the showtime.
Plan: nested loop from the ids to reservations_pkey, then index scans on showtimes_pkey and
booked_seats_showtime_id_seat_id_key; and payments_reservation_id_number_key where payments are required.
$1 uuid[] reservation_ids: which, each once
$2 bigint[] user_ids: whose, in the same order
$3 text[] keys: idempotency keys, each once a user; null for a confirm without one, and empty if none has one
$4 bytea[] fingerprints: of what is asked under the keys, 16 bytes; as the keys
$5 boolean payment_required: whether the service takes payments
$6 uuid[] payment_ids: new ones, of what was paid elsewhere; as the keys
$7 text currency: of the payments
$8 bigint[] showtime_ids: of which showtimes; null for one that is not known, which is not in the result
Sample: select array_agg(id), array_agg(user_id), array_agg('sample ' || id), array_agg(decode(md5(id::text), 'hex')), false,
'{}'::uuid[], 'USD', array_agg(showtime_id) from
(select id, user_id, showtime_id from reservations where status = 'held' order by id desc limit 16) as r
*/
with /* reservations/confirm */ locked as materialized (
    select
        r.id,
        r.user_id,
        r.showtime_id,
        case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at,
        r.seat_ids,
        r.row_labels,
        r.seat_numbers,
        r.prices,
        r.ticket_type_ids,
        r.code,
        r.confirmed_at,
        r.reference,
        r.metadata,
        r.late,
        asked.place::integer as place
    from unnest($1::uuid[]) with ordinality as asked (id, place)
    inner join reservations as r on asked.id = r.id
    where
        r.user_id is not distinct from ($2::bigint[])[asked.place]
        and r.showtime_id is not distinct from ($8::bigint[])[asked.place]
        -- A subquery is run once, before the first row is locked.
        and (select set_config('lock_timeout', '300ms', true)) is not null
    order by r.id
    for no key update of r skip locked
),

showtime as materialized (
    select
        st.id,
        st.layout_version
    from showtimes as st
    where
        st.id = any(array(
            select l.showtime_id
            from locked as l
            where l.status = 'held'
        ))
    order by st.id
    for key share skip locked
),

-- A subquery for each seat: for a join, and for `seat_id = any(array)`, PostgreSQL may read all that is sold of the showtime.
lost as materialized (
    select
        seat.reservation_id,
        seat.seat_id,
        -- Only of a seat that is booked or blocked.
        (
            select b.reservation_id is null
            from booked_seats as b
            where b.showtime_id = seat.showtime_id and b.seat_id = seat.seat_id
        ) as is_blocked
    from (
        select
            id as reservation_id,
            showtime_id,
            unnest(seat_ids) as seat_id
        from locked
        where status = 'held'
    ) as seat
    where (
        select b.seat_id
        from booked_seats as b
        where b.showtime_id = seat.showtime_id and b.seat_id = seat.seat_id
    ) is not null
),

-- For each reservation, since a join may read all payments. Without $5 it reads none.
due as materialized (
    select held.*
    from (
        select
            l.id,
            l.place,
            l.total_price - paid.balance as amount,
            paid.last_number
        from locked as l
        cross join
            lateral (
                select
                    coalesce(sum(p.amount - p.refunded) filter (where p.status = 'succeeded'), 0) as balance,
                    coalesce(max(p.number), 0) as last_number
                from payments as p
                where p.reservation_id = l.id and p.showtime_id = l.showtime_id
            ) as paid
        where $5 and l.status = 'held'
    ) as held
    where held.amount > 0
),

-- What is due and not paid, and where nothing is due, what was paid nevertheless.
unpaid as materialized (
    select
        l.id,
        due.amount as amount_due
    from locked as l
    left join due on l.id = due.id
    where $5 and l.status = 'held' and (due.id is null) = (($6::uuid[])[l.place] is not null)
),

keyed as (
    insert into idempotency_keys as k (user_id, key, fingerprint, reservation_id, created_at)
    select
        l.user_id,
        ($3::text[])[l.place],
        ($4::bytea[])[l.place],
        l.id,
        clock_timestamp()
    from locked as l
    where
        ($3::text[])[l.place] is not null
        and (
            l.status = 'confirmed'
            or (
                l.status = 'held'
                and cardinality(l.seat_ids) > 0
                and l.id <> all(array(select lost.reservation_id from lost))
                and l.id <> all(array(select u.id from unpaid as u))
                and l.showtime_id = any(array(select st.id from showtime as st))
            )
        )
    order by l.user_id, ($3::text[])[l.place]
    on conflict (user_id, key) do update
        set
            fingerprint = excluded.fingerprint,
            reservation_id = excluded.reservation_id,
            created_at = excluded.created_at,
            refusal = null
        where k.created_at <= now() - interval '24 hours'
    returning k.reservation_id
),

outcome as materialized (
    select
        l.*,
        st.layout_version,
        l.status = 'held'
        and cardinality(l.seat_ids) > 0
        and l.id <> all(array(select lost.reservation_id from lost))
        and l.id <> all(array(select u.id from unpaid as u))
        and st.id is not null as free,
        -- The array comes first, so that all keys are written before the first seat is claimed.
        (l.id = any(array(select k.reservation_id from keyed as k)) or ($3::text[])[l.place] is null) as is_first
    from locked as l
    left join showtime as st on l.showtime_id = st.id
),

claimed as (
    insert into booked_seats (showtime_id, seat_id, reservation_id)
    select
        showtime_id,
        unnest(seat_ids) as seat_id,
        id
    from outcome
    where free and is_first
    order by showtime_id, seat_id
    on conflict (showtime_id, seat_id) do nothing
    returning seat_id
),

confirmed as (
    update reservations as r
    set
        status = case
            when r.expires_at > clock_timestamp() and (
                -- Whether any reservation has lost a seat: if so, the statement fails for all of them.
                select count(*) from claimed
            ) = (
                select sum(cardinality(w.seat_ids))
                from outcome as w
                where w.free and w.is_first
            ) then 'confirmed'
            else 'incomplete'
        end,
        payment_required = $5,
        confirmed_at = now()
    from outcome as o
    where r.id = o.id and r.showtime_id is not distinct from o.showtime_id and o.free and o.is_first
    returning r.id
),

paid as (
    insert into payments (
        id, reservation_id, showtime_id, number, provider, status, amount, currency, succeeded_at, settled_at, check_at
    )
    select
        ($6::uuid[])[o.place],
        o.id,
        o.showtime_id,
        due.last_number + 1,
        'external',
        'succeeded',
        due.amount,
        $7,
        clock_timestamp(),
        clock_timestamp(),
        clock_timestamp()
    from outcome as o
    inner join due on o.id = due.id
    where o.free and o.is_first and ($6::uuid[])[o.place] is not null
    order by o.id
    returning id, reservation_id, amount
),

told as (
    insert into outbox (type, reservation_id, data)
    select
        'payment.succeeded',
        reservation_id,
        jsonb_build_object(
            'payment_id', id,
            'reservation_id', reservation_id,
            'provider', 'external',
            'amount', amount::text,
            'currency', $7
        )
    from paid
    union all
    select
        'reservation.confirmed',
        id,
        null
    from confirmed
)

select
    place,
    showtime_id,
    status,
    total_price::text as total_price,
    created_at,
    expires_at,
    seat_ids,
    row_labels,
    seat_numbers,
    prices::text[] as prices,
    ticket_type_ids,
    case
        when ticket_type_ids <> '{}' then
            array(
                select t.name
                from unnest(outcome.ticket_type_ids) with ordinality as own (id, place)
                inner join ticket_types as t on own.id = t.id
                order by own.place
            )
    end as ticket_type_names,
    (
        select t.name
        from ticket_types as t
        where t.id = 1
    ) as standard_name,
    code,
    case when status = 'confirmed' then confirmed_at else now() end as confirmed_at,
    reference,
    metadata,
    late,
    layout_version,
    case when status = 'held' and not free then array(
        select taken.seat_id
        from lost as taken
        where taken.reservation_id = outcome.id
    ) end as lost,
    case when status = 'held' and not free then array(
        select taken.seat_id
        from lost as taken
        where taken.reservation_id = outcome.id and taken.is_blocked
    ) end as blocked,
    case when $5 then (
        select u.amount_due::text
        from unpaid as u
        where u.id = outcome.id
    ) end as amount_due,
    case when $5 then (
        select p.amount::text
        from paid as p
        where p.reservation_id = outcome.id
    ) end as amount_paid,
    -- The update has confirmed every free one that is not repeated, or the statement has failed.
    status = 'confirmed' or free as confirmed,
    (status = 'confirmed' or free) and not is_first as repeated,
    status = 'held'
    and not free
    and cardinality(seat_ids) > 0
    and id <> all(array(select lost.reservation_id from lost))
    and id <> all(array(select u.id from unpaid as u)) as showtime_locked
from outcome;
