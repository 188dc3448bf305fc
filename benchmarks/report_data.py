"""Reservations of two years in the order in which they were made, as a service that has sold for long has them.

`reservation seed scale` writes room by room and spreads all reservations over ten weeks; a month of reports would be
nearly half of the table, in no order. Here a month is a twenty-fourth, and its rows lie together.
"""

import psycopg

DAYS = 730
ROOMS = 52
SHOWTIMES_A_DAY = ROOMS * 5
AHEAD_DAYS = 15  # the last reservations are for showtimes of the next two weeks
BATCH = 100_000

PROGRAMME = f"""
insert into cinemas (name, address, timezone)
select 'Report cinema ' || n, '', (array['Europe/Berlin', 'Europe/London', 'America/New_York', 'Asia/Kolkata'])[n]
from generate_series(1, 4) as n;

insert into movies (title, description, duration_minutes)
select 'Report film ' || n, '', 100 from generate_series(1, 60) as n;

insert into ticket_types (name, price_factor) values ('Child', 0.70);

insert into users (name, email, password_hash)
select 'Customer ' || n, 'report-' || n || '@example.com', '!' from generate_series(1, 50000) as n;

insert into auditoriums (name, capacity, cinema_id)
select 'Report room ' || n, 200, (select min(id) from cinemas where name like 'Report cinema %') + n % 4
from generate_series(1, {ROOMS}) as n;

insert into seats (auditorium_id, row_label, seat_number, seat_type, price_modifier)
select a.id, chr(65 + n / 20), n % 20 + 1, 'regular', 1.00
from auditoriums as a cross join generate_series(0, 199) as n where a.name like 'Report room %'
order by a.id, n;

insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select
    (select min(id) from movies where title like 'Report film %') + (d + n) % 60,
    (select min(id) from auditoriums where name like 'Report room %') + n / 5,
    t.at, t.at + interval '2 hours', t.at + interval '2 hours', 10.00
from generate_series(0, {DAYS + AHEAD_DAYS} - 1) as d
cross join generate_series(0, {SHOWTIMES_A_DAY} - 1) as n
cross join lateral (
    select current_date - {DAYS} + d + time '10:00' + n % 5 * interval '3 hours' as at
) as t
order by d, n;
"""  # noqa: S608 - only the integer constants above are put in; no input reaches it

# The showtimes have consecutive ids, in the order of days.
RESERVATIONS = f"""
insert into reservations (
    id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at, cancelled_at, cancelled_by,
    seat_ids, row_labels, seat_numbers, prices, ticket_type_ids, late
)
select
    (lpad(to_hex((extract(epoch from created_at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(k::text), 1, 3) || 'a' || substr(md5(k::text), 4, 15))::uuid,
    first_user + (random() * 49999)::int, showtime_id,
    case
        when fate < 0.90 then 'confirmed' when fate < 0.95 then 'cancelled' when fate < 0.98 then 'expired' else 'held'
    end,
    price * seats, created_at, created_at + interval '10 minutes',
    case when fate < 0.93 then answered_at end,
    case when fate >= 0.90 and fate < 0.93 then answered_at + random() * interval '5 days'
        when fate >= 0.93 and fate < 0.95 then answered_at end,
    case when fate >= 0.90 and fate < 0.95 then 'customer' end,
    array(select first_seat + i from generate_series(1, seats) as i),
    array_fill('A'::text, array[seats]), array(select i from generate_series(1, seats) as i),
    array_fill(price, array[seats]),
    case when random() < 0.2 then (array[1, 2, 1, 2]::bigint[])[1:seats] else '{{}}' end,
    fate < 0.001
from (
    select
        k, f.*, random() as fate, (array[8.00, 10.00, 12.50])[1 + (random() * 2.99)::int %% 3]::numeric(12, 2) as price,
        1 + (random() * 3.2)::int %% 4 as seats,
        current_date - {DAYS} + interval '{DAYS} days' * (k::float8 / %(total)s) as created_at,
        current_date - {DAYS} + interval '{DAYS} days' * (k::float8 / %(total)s)
            + (1 + random() * 589) * interval '1 second' as answered_at,
        f.first_showtime + (k * {DAYS}::bigint / %(total)s + 1 + (random() * 13)::int) * {SHOWTIMES_A_DAY}
            + (random() * {SHOWTIMES_A_DAY - 1})::int as showtime_id
    from generate_series(%(first)s::bigint, %(last)s::bigint) as k
    cross join (
        select
            (select min(id) from users where email like 'report-%%') as first_user,
            (select min(s.id) from seats as s inner join auditoriums as a on s.auditorium_id = a.id
                where a.name like 'Report room %%') as first_seat,
            (select min(st.id) from showtimes as st inner join movies as m on st.movie_id = m.id
                where m.title like 'Report film %%') as first_showtime
    ) as f
) as made
on conflict (code) do nothing
"""  # noqa: S608 - only the integer constants above are put in; the rest are parameters

# One reservation in a hundred was larger once: a seat of it was cancelled a day after.
CHANGES = """
insert into reservation_changes (
    reservation_id, change, changed_by, changed_at, status, showtime_id, total_price,
    seat_ids, row_labels, seat_numbers, prices, ticket_type_ids
)
select
    id, 'cancelled_seats', 'customer', confirmed_at + interval '1 day', 'confirmed', showtime_id,
    total_price + prices[1], seat_ids || seat_ids[1] + 100, row_labels || 'F'::text, seat_numbers || 1,
    prices || prices[1], case when ticket_type_ids = '{}' then '{}' else ticket_type_ids || 1::bigint end
from reservations where status = 'confirmed' and right(id::text, 2) < '03'
"""


def fill(database_url: str, reservations: int) -> None:
    """Fill a migrated database, without checks of foreign keys and without booked_seats, which no report reads."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(PROGRAMME)
        connection.execute("set session_replication_role = replica")
        for first in range(0, reservations, BATCH):
            last = min(first + BATCH, reservations) - 1
            connection.execute(RESERVATIONS, {"total": reservations, "first": first, "last": last})
        connection.execute(CHANGES)
        connection.execute("set session_replication_role = origin")
        connection.execute("vacuum (analyze)")
