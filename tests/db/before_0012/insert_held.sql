/* reservations/insert_held
Inserts holds that Redis has granted, one or a batch of them, each with its seats at today's prices unless one of them is
booked. The showtimes are locked FOR KEY SHARE first, so that none can be moved to another room meanwhile, then the seats,
so that one which is being deleted is missed here and not by the foreign key.
A showtime that another session has locked is skipped, so that one lock does not delay the whole batch: its holds are not
inserted, and showtime_locked says so. A wait for anything else, such as a seat that an administrator deletes or the same
key in another session, ends after 300 ms; the limit lasts until the end of the transaction.
An idempotency key is inserted with the hold that has one, in the order of the primary key; a hold whose key was used
within a day is not inserted. No two holds of a batch may have the same key.
The result has a row for each: the reservation, or nulls and why there is none, which is that its key was used, that its
showtime is locked, the booked seats, or none of these (then the showtime has started, is gone, or has changed its room
since the caller looked).
Plan: index scans on showtimes_pkey, seats_pkey and booked_seats_showtime_id_seat_id_key, then the inserts.
$1 uuid[] reservation_ids: UUIDv7, the holders in Redis
$2 bigint[] user_ids: for whom
$3 bigint[] showtime_ids: of which showtimes
$4 bigint[] ttls_ms: what is left of each hold in milliseconds; it ends here when it ends in Redis
$5 bigint[] seat_counts: how many seats each wants
$6 uuid[] seat_reservation_ids: for every seat, the reservation that wants it
$7 bigint[] seat_ids: the seats, each once a reservation
$8 uuid[] keyed_ids: the reservations that have a key
$9 text[] keys: each once a user
$10 bytea[] fingerprints: of what is asked under the key, 16 bytes
Sample: select array_agg(id), array_agg(user_id), array_agg(showtime_id), array_agg(600000::bigint),
array_agg(2::bigint), array_agg(id) || array_agg(id), array_agg(seat_ids[1]) || array_agg(seat_ids[2]), array_agg(id),
array_agg('sample ' || id), array_agg(decode(md5(id::text), 'hex')) from (select ('00000000-0000-7000-8000-' ||
lpad(st.id::text, 12, '0'))::uuid as id, (select min(u.id) from users as u) as user_id, st.id as showtime_id,
array(select s.id from seats as s where s.auditorium_id = st.auditorium_id and not exists (select from booked_seats as b
where b.showtime_id = st.id and b.seat_id = s.id) order by s.id limit 2) as seat_ids from showtimes as st where
st.starts_at > now() order by st.starts_at limit 16) as hold
*/
with /* reservations/insert_held */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
),

-- The limit is the same for every row, so it is set before the first row is locked.
showtime as materialized (
    select
        id,
        auditorium_id,
        base_price
    from showtimes
    where id = any($3) and starts_at > now() and (select ll.lock_timeout from lock_limit as ll) is not null
    order by id
    for key share skip locked
),

wanted as materialized (
    select
        asked.id,
        asked.user_id,
        asked.showtime_id,
        asked.ttl_ms,
        asked.seat_count,
        s.id as seat_id,
        s.row_label,
        s.seat_number,
        round(st.base_price * s.price_modifier, 2) as price,
        b.seat_id is not null as booked
    from
        unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
            as asked (id, user_id, showtime_id, ttl_ms, seat_count)
    inner join showtime as st on asked.showtime_id = st.id
    inner join unnest($6::uuid[], $7::bigint[]) as seat (reservation_id, id) on asked.id = seat.reservation_id
    inner join seats as s on seat.id = s.id and st.auditorium_id = s.auditorium_id
    left join booked_seats as b on asked.showtime_id = b.showtime_id and seat.id = b.seat_id
    order by s.id
    for key share of s
),

-- A window instead of a join: PostgreSQL expects these lists to be short, and would join them by nested loops.
judged as materialized (
    select
        id,
        user_id,
        showtime_id,
        ttl_ms,
        seat_id,
        row_label,
        seat_number,
        price,
        booked,
        count(*) over whole = seat_count and not bool_or(booked) over whole as complete
    from wanted
    window whole as (partition by id)
),

summed as materialized (
    select
        id,
        user_id,
        showtime_id,
        ttl_ms,
        complete,
        sum(price) as total_price,
        array_agg(seat_id order by char_length(row_label), row_label, seat_number) as seat_ids,
        array_agg(row_label order by char_length(row_label), row_label, seat_number) as row_labels,
        array_agg(seat_number order by char_length(row_label), row_label, seat_number) as seat_numbers,
        array_agg(price::text order by char_length(row_label), row_label, seat_number) as prices,
        array_agg(seat_id) filter (where booked) as booked
    from judged
    group by id, user_id, showtime_id, ttl_ms, complete
),

keyed as (
    insert into idempotency_keys as k (user_id, key, fingerprint, reservation_id)
    select
        s.user_id,
        a.key,
        a.fingerprint,
        s.id
    from unnest($8::uuid[], $9::text[], $10::bytea[]) as a (id, key, fingerprint)
    inner join summed as s on a.id = s.id
    where s.complete
    order by s.user_id, a.key
    on conflict (user_id, key) do update
        set
            fingerprint = excluded.fingerprint,
            reservation_id = excluded.reservation_id,
            created_at = excluded.created_at,
            refusal = null
        where k.created_at <= now() - interval '24 hours'
    returning k.reservation_id
),

-- An array, so that all keys are written before the first hold is.
repeated as materialized (
    select
        array(
            select unnest($8::uuid[])
            except
            select reservation_id from keyed
        ) as ids
),

made as (
    insert into reservations (id, user_id, showtime_id, total_price, expires_at)
    select
        id,
        user_id,
        showtime_id,
        total_price,
        now() + ttl_ms * interval '1 millisecond'
    from summed
    where complete and id <> all((select r.ids from repeated as r)::uuid[])
    returning id, status, total_price, created_at, expires_at
),

placed as (
    insert into reservation_seats (reservation_id, seat_id, price_at_booking)
    select
        id,
        seat_id,
        price
    from judged
    where complete and id <> all((select r.ids from repeated as r)::uuid[])
)

select
    asked.id,
    asked.showtime_id,
    m.status,
    m.total_price::text as total_price,
    m.created_at,
    m.expires_at,
    s.seat_ids,
    s.row_labels,
    s.seat_numbers,
    s.prices,
    coalesce(s.booked, '{}') as booked,
    coalesce(s.complete, false) and asked.id = any((select r.ids from repeated as r)::uuid[]) as repeated,
    -- The showtime is looked up again only if it was not locked here.
    asked.showtime_id <> all(array(select st.id from showtime as st)) and coalesce((
        select st.starts_at > now()
        from showtimes as st
        where st.id = asked.showtime_id
    ), false) as showtime_locked
from unnest($1::uuid[], $3::bigint[]) as asked (id, showtime_id)
left join summed as s on asked.id = s.id
left join made as m on asked.id = m.id;
