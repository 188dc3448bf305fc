/* reservations/confirm
Confirms holds, one or a batch of them: each reservation gets all its seats and is confirmed, or is not. A statement on
its own, so that a batch is one round trip. Locks are taken in this order, so that confirms cannot deadlock: reservations
by id, showtimes by id, idempotency keys by their primary key, seats by showtime and seat.
Rows that another session has locked are skipped, so that one lock does not delay the whole batch. A skipped reservation is
not in the result; a reservation of a skipped showtime is not confirmed, and showtime_locked says so. (The foreign key of
booked_seats would wait for the showtime instead.) A wait for anything else, such as the same seat or key in another
session, ends after 300 ms; the limit lasts until the end of the transaction.
A reservation of which a seat is sold already claims none, and its row names the lost seats. One that loses a seat, or
its time, while the statement runs gets a status that reservations_status_check refuses, so the whole statement fails and
changes nothing. The caller then confirms each of the batch alone.
An idempotency key is inserted with the confirm that has one. A confirm whose key was used within a day changes nothing.
Reservations are locked FOR NO KEY UPDATE: FOR UPDATE would deadlock with the foreign keys of a showtime that an
administrator deletes.
The result has one row for each reservation of the user that was not locked: its status before, with a hold past its time
as expired, whether it is confirmed now, whether it is not because its key was used, and the seats that others own.
Plan: nested loop from the ids to reservations_pkey, then index scans on showtimes_pkey, reservation_seats_pkey,
seats_pkey and booked_seats_showtime_id_seat_id_key.
$1 uuid[] reservation_ids: which, each once
$2 bigint[] user_ids: whose, in the same order
$3 uuid[] keyed_ids: those of the reservations that have a key
$4 text[] keys: each once a user
$5 bytea[] fingerprints: of what is asked under the key, 16 bytes
Sample: select array_agg(id), array_agg(user_id), array_agg(id), array_agg('sample ' || id),
array_agg(decode(md5(id::text), 'hex')) from (select id, user_id from reservations where status = 'held' order by id
desc limit 16) as r
*/
with /* reservations/confirm */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
),

locked as materialized (
    select
        r.id,
        r.user_id,
        r.showtime_id,
        case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at
    from unnest($1::uuid[], $2::bigint[]) as asked (id, user_id)
    inner join reservations as r on asked.id = r.id and asked.user_id = r.user_id
    -- The limit is the same for every row, so it is set before the first row is locked.
    where (select ll.lock_timeout from lock_limit as ll) is not null
    order by r.id
    for no key update of r skip locked
),

showtime as materialized (
    select st.id
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

-- The owner is a subquery: for a join the planner reads all of booked_seats while it believes the table to be small.
wanted as materialized (
    select
        l.id,
        l.showtime_id,
        l.status,
        rs.seat_id,
        rs.price_at_booking::text as price,
        s.row_label,
        s.seat_number,
        coalesce((
            select b.reservation_id
            from booked_seats as b
            where b.showtime_id = l.showtime_id and b.seat_id = rs.seat_id
        ) <> l.id, false) as lost
    from locked as l
    inner join reservation_seats as rs on l.id = rs.reservation_id
    inner join seats as s on rs.seat_id = s.id
),

-- A window instead of a join: PostgreSQL expects these lists to be short, and would join them by nested loops.
judged as materialized (
    select
        *,
        status = 'held'
        and showtime_id = any(array(select st.id from showtime as st))
        and not bool_or(lost) over (partition by id) as free
    from wanted
),

wanted_of as materialized (
    select
        id,
        bool_and(free) as free,
        count(*) as seats,
        array_agg(seat_id order by char_length(row_label), row_label, seat_number) as seat_ids,
        array_agg(row_label order by char_length(row_label), row_label, seat_number) as row_labels,
        array_agg(seat_number order by char_length(row_label), row_label, seat_number) as seat_numbers,
        array_agg(price order by char_length(row_label), row_label, seat_number) as prices,
        array_agg(seat_id) filter (where lost) as lost
    from judged
    group by id
),

keyed as (
    insert into idempotency_keys as k (user_id, key, fingerprint, reservation_id)
    select
        l.user_id,
        a.key,
        a.fingerprint,
        l.id
    from unnest($3::uuid[], $4::text[], $5::bytea[]) as a (id, key, fingerprint)
    inner join locked as l on a.id = l.id
    inner join wanted_of as w on l.id = w.id
    where l.status = 'confirmed' or w.free
    order by l.user_id, a.key
    on conflict (user_id, key) do update
        set
            fingerprint = excluded.fingerprint,
            reservation_id = excluded.reservation_id,
            created_at = excluded.created_at,
            refusal = null
        where k.created_at <= now() - interval '24 hours'
    returning k.reservation_id
),

-- An array, so that all keys are written before the first seat is claimed.
repeated as materialized (
    select
        array(
            select unnest($3::uuid[])
            except
            select reservation_id from keyed
        ) as ids
),

claimed as (
    insert into booked_seats (showtime_id, seat_id, reservation_id)
    select
        showtime_id,
        seat_id,
        id
    from judged
    where free and id <> all((select u.ids from repeated as u)::uuid[])
    order by showtime_id, seat_id
    on conflict (showtime_id, seat_id) do nothing
    returning reservation_id
),

got as (
    select
        reservation_id as id,
        count(*) as seats
    from claimed
    group by reservation_id
),

confirmed as (
    update reservations as r
    set
        status = case
            when w.seats = g.seats and r.expires_at > clock_timestamp() then 'confirmed'
            else 'incomplete'
        end,
        confirmed_at = now()
    from wanted_of as w
    left join got as g on w.id = g.id
    where r.id = w.id and w.free and w.id <> all((select u.ids from repeated as u)::uuid[])
)

select
    l.id,
    l.user_id,
    l.showtime_id,
    l.status,
    l.total_price::text as total_price,
    l.created_at,
    l.expires_at,
    w.seat_ids,
    w.row_labels,
    w.seat_numbers,
    w.prices,
    coalesce(w.lost, '{}') as lost,
    -- The update has confirmed every free one that is not repeated, or the statement has failed.
    l.status = 'confirmed' or w.free as confirmed,
    (l.status = 'confirmed' or w.free) and l.id = any((select u.ids from repeated as u)::uuid[]) as repeated,
    l.status = 'held' and w.lost is null and not w.free as showtime_locked
from locked as l
inner join wanted_of as w on l.id = w.id;
