-- Held reservations of four free seats, with ids that end in their number: what pgbench confirms. Spread as the holds
-- of benchmarks/wrk/walk.lua are: over a hundred showtimes at a time, each customer with showtimes of their own.
with shows as materialized (
    select
        id,
        auditorium_id,
        row_number() over (order by id) - 1 as number
    from (
        select
            id,
            auditorium_id
        from showtimes
        where starts_at > current_date + 2
    ) as coming
),

customers as materialized (
    select array_agg(id) as ids
    from users
    where role = 'user'
),

rooms as materialized (
    select
        auditorium_id,
        array_agg(id order by char_length(row_label), row_label, seat_number) as seat_ids
    from seats
    group by auditorium_id
),

numbered as materialized (
    select
        number,
        number / 5000 * 100 + mod(number, 100) as show_number,
        mod(number, 5000) / 100 * 4 as seats_before
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s::bigint - 1) as n (number)
),

wanted as materialized (
    select
        ('00000000-0000-7000-8000-' || lpad(to_hex(n.number), 12, '0'))::uuid as id,
        c.ids[1 + mod(s.id, cardinality(c.ids))] as user_id,
        s.id as showtime_id,
        r.seat_ids[n.seats_before + 1 : n.seats_before + 4] as seat_ids
    from numbered as n
    cross join customers as c
    inner join shows as s on n.show_number = s.number
    inner join rooms as r on s.auditorium_id = r.auditorium_id
),

made as (
    insert into reservations (id, user_id, showtime_id, total_price, expires_at)
    select
        id,
        user_id,
        showtime_id,
        40.00,
        now() + interval '1 hour'
    from wanted
    order by id
)

insert into reservation_seats (reservation_id, seat_id, price_at_booking)
select
    w.id,
    held.seat_id,
    10.00
from wanted as w
cross join unnest(w.seat_ids) as held (seat_id)
order by w.id, held.seat_id
