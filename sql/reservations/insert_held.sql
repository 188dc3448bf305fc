/* reservations/insert_held
Inserts holds that Redis has granted, one or a batch of them: a row each, with the seats and prices of the layout that the
caller knows, unless that is out of date or one of the seats is booked. The showtimes are locked FOR KEY SHARE first: the
service, and the trigger on seats, lock them FOR UPDATE before a change, so the layout_version that is read here is that of
the insert.
A showtime that another session has locked is skipped, so that one lock does not delay the whole batch: its holds are not
inserted, and showtime_locked says so. A wait for anything else, such as the same key in another session, ends after
300 ms; the limit lasts until the end of the transaction.
Each hold is written to the outbox, too, from which webhooks are called.
An idempotency key is inserted with the hold that has one, in the order of the primary key; a hold whose key was used
within a day is not inserted. No two holds of a batch may have the same key.
A hold of a user who has limits is not inserted if one is reached, whatever other sessions insert at the same time: the users
are locked, and what they have is counted after that, by the function in sql/find_limited.sql, which says why it is one.
The result has a row for each with its place in the arrays, from 1: when the hold was made and ends, or nulls and why there is
none, which is that a limit is reached, that its key was used, that its showtime is locked, the booked seats and those of them
that are blocked, or none of these (then the showtime is not on sale, is gone, or its seats or prices, or those of ticket types,
have changed since the caller read them).
The items of the arrays are taken by their place where they are needed, not unnested: PostgreSQL makes a table of each array
that is unnested, and copies its items for every CTE that they pass.
The condition on the sale is not in the scan of showtimes, or a plan made while that table was new would read all that
start in the future.
Plan: index scans on showtimes_pkey and booked_seats_showtime_id_seat_id_key, then the inserts.
$1 uuid[] reservation_ids: new ones, the holders in Redis
$2 bigint[] user_ids: for whom
$3 bigint[] showtime_ids: of which showtimes
$4 bigint[] layout_versions: of the layouts that the seats and prices are from
$5 bigint[] ttls_ms: what is left of each hold in milliseconds; it ends here when it ends in Redis
$6 text[] total_prices: the sums of the prices
$7 text[] seat_ids: of each hold an array in PostgreSQL's text form, in the order of the seat map, as the next three
$8 text[] row_labels: their labels
$9 text[] seat_numbers: their numbers
$10 text[] prices: their prices
$11 text[] keys: idempotency keys, each once a user; null for a hold without one, and empty if none has one, as the next
$12 bytea[] fingerprints: of what is asked under the keys, 16 bytes
$13 text[] codes: for people; the statement fails as a whole when one of them is taken
$14 text[] reference_texts: the clients' own; null for a hold without one, and empty if none has one, as the next three
$15 text[] metadata_texts: JSON objects, the clients' own; null for a hold without one
$16 text[] ticket_type_ids: of each hold an array as those above; null if all are of the standard type
$17 bigint[] ticket_versions: of the ticket types that the prices are from; null if all are of the standard type
$18 uuid[] limited_ids: of the holds whose users have limits; empty if there are none, as the next five and the eighth and ninth
$19 bigint[] limited_user_ids: for whom
$20 bigint[] limited_showtime_ids: of which showtimes
$21 integer[] limited_seats: how many seats
$22 integer[] most_holds: the hold is refused if the user has so many live ones; null for no limit
$23 integer[] most_seats: the hold is refused if the user had more seats of the showtime with it; null for no limit
$24 bigint longest_s: the longest life of a hold, in seconds from its beginning
$25 text[] limited_seat_ids: of each of these holds an array in PostgreSQL's text form
$26 integer[] most_unconfirmed: the hold is refused if the user held one of its seats so often unconfirmed; null for no limit
$27 bigint cooling_s: for how many seconds from its beginning such a hold counts
Sample: select array_agg(id), array_agg(user_id), array_agg(showtime_id), array_agg(layout_version),
array_agg(600000::bigint), array_agg('20.00'::text), array_agg(seat_ids::text), array_agg('{A,A}'::text),
array_agg('{1,2}'::text), array_agg('{10.00,10.00}'::text), array_agg('sample ' || id),
array_agg(decode(md5(id::text), 'hex')), array_agg(new_reservation_code()), array_agg(null::text), array_agg(null::text),
array_agg('{1,1}'::text), array_agg((select version from ticket_type_version)), array_agg(id), array_agg(user_id),
array_agg(showtime_id), array_agg(2), array_agg(1000), array_agg(1000), 1800::bigint, array_agg(seat_ids::text), array_agg(3),
7200::bigint from (select ('00000000-0000-7000-8000-' || lpad(st.id::text, 12, '0'))::uuid as id,
(select min(u.id) from users as u) as user_id, st.id as showtime_id, st.layout_version, array(select s.id from seats as s
where s.auditorium_id = st.auditorium_id and not exists (select from booked_seats as b where b.showtime_id = st.id and
b.seat_id = s.id) order by s.id limit 2) as seat_ids from showtimes as st where st.starts_at > now() order by st.starts_at, st.id
limit 16) as hold
*/
with /* reservations/insert_held */ showtime as materialized (
    select
        id,
        layout_version,
        status = 'scheduled'
        and coalesce(sales_end_at, starts_at) > now()
        and (on_sale_at is null or on_sale_at <= now()) as on_sale
    from showtimes
    where
        id = any($3)
        -- A subquery is run once, before the first row is locked.
        and (select set_config('lock_timeout', '300ms', true)) is not null
    order by id
    for key share skip locked
),

judged as materialized (
    select
        asked.id,
        asked.place::integer as place,
        st.id is not null as is_locked,
        coalesce(
            st.on_sale
            and st.layout_version = ($4::bigint[])[asked.place]
            -- The subquery is run for the first hold that has ticket types, if any.
            and (
                ($17::bigint[])[asked.place] is null or ($17::bigint[])[asked.place] = (
                    select v.version
                    from ticket_type_version as v
                    where v.only_row
                )
            ),
            false
        ) as is_current
    from unnest($1::uuid[]) with ordinality as asked (id, place)
    left join showtime as st on ($3::bigint[])[asked.place] = st.id
),

-- A subquery for each seat: for a join, and for `seat_id = any(array)`, PostgreSQL may read all that is sold of the showtime.
booked as materialized (
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
            ($3::bigint[])[place] as showtime_id,
            unnest(($7::text[])[place]::bigint[]) as seat_id
        from judged
        where is_current
    ) as seat
    where (
        select b.seat_id
        from booked_seats as b
        where b.showtime_id = seat.showtime_id and b.seat_id = seat.seat_id
    ) is not null
),

-- Only called if a hold is limited; the locks of the users come after those of the showtimes, and before the keys.
limited as materialized (
    select
        f.hold_id,
        f.reached
    from
        find_limited(
            $18::uuid[], $19::bigint[], $20::bigint[], $21::integer[], $22::integer[], $23::integer[], $24::bigint,
            $25::text[], $26::integer[], $27::bigint
        ) as f
    where $18::uuid[] <> '{}'
),

keyed as (
    insert into idempotency_keys as k (user_id, key, fingerprint, reservation_id)
    select
        ($2::bigint[])[j.place],
        ($11::text[])[j.place],
        ($12::bytea[])[j.place],
        j.id
    from judged as j
    where
        ($11::text[])[j.place] is not null
        and j.is_current
        and j.id <> all(array(select b.reservation_id from booked as b))
        and j.id <> all(array(select l.hold_id from limited as l))
    order by ($2::bigint[])[j.place], ($11::text[])[j.place]
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
        j.*,
        -- The array of keys comes first, so that all of them are written before the first hold is.
        (j.id = any(array(select k.reservation_id from keyed as k)) or ($11::text[])[j.place] is null)
        and j.is_current
        and j.id <> all(array(select b.reservation_id from booked as b))
        and j.id <> all(array(select l.hold_id from limited as l)) as is_made
    from judged as j
),

made as (
    insert into reservations (
        id, user_id, showtime_id, total_price, expires_at, seat_ids, row_labels, seat_numbers, prices,
        code, reference, metadata, ticket_type_ids
    )
    select
        id,
        ($2::bigint[])[place],
        ($3::bigint[])[place],
        ($6::text[])[place]::numeric,
        now() + ($5::bigint[])[place] * interval '1 millisecond',
        ($7::text[])[place]::bigint[],
        ($8::text[])[place]::text[],
        ($9::text[])[place]::integer[],
        ($10::text[])[place]::numeric(12, 2)[],
        ($13::text[])[place],
        ($14::text[])[place],
        ($15::text[])[place]::jsonb,
        coalesce(($16::text[])[place]::bigint[], '{}')
    from outcome
    where is_made
),

told as (
    insert into outbox (type, reservation_id)
    select
        'reservation.held',
        id
    from outcome
    where is_made
)

select
    place,
    case when is_made then now() end as created_at,
    case when is_made then now() + ($5::bigint[])[place] * interval '1 millisecond' end as expires_at,
    case when not is_made then array(
        select b.seat_id
        from booked as b
        where b.reservation_id = outcome.id
    ) end as booked,
    case when not is_made then array(
        select b.seat_id
        from booked as b
        where b.reservation_id = outcome.id and b.is_blocked
    ) end as blocked,
    case when not is_made then (
        select l.reached
        from limited as l
        where l.hold_id = outcome.id
    ) end as limit_reached,
    is_current and not is_made and id <> all(array(select b.reservation_id from booked as b)) as repeated,
    -- The showtime is looked up again only if it was not locked here.
    not is_locked and coalesce((
        select coalesce(st.sales_end_at, st.starts_at) > now()
        from showtimes as st
        where st.id = ($3::bigint[])[outcome.place]
    ), false) as showtime_locked
from outcome;
