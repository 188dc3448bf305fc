"""Fills a database that has the first migration only: showtimes, customers, and reservations of two seats each.

The rows are those that the service of that time wrote: a reservation, a row for each of its seats, and a row for each
seat that is sold. Half of the seats of a showtime stay free, for the sales beside the migrations.
"""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

SEATS = 200  # of a room
PER_SHOWTIME = 50  # reservations, of two seats each
SHOWTIMES_PER_ROOM = 300  # five a day, 30 days behind and 30 ahead
USERS = 200_000
BATCH = 250_000

PROGRAMME = """
insert into movies (title, duration_minutes, genre)
select 'Film ' || n, 100, (array['Drama', 'Comedy', 'Thriller'])[1 + n % 3] from generate_series(1, 100) as n;

insert into auditoriums (name, capacity)
select 'Room ' || n, {seats} from generate_series(1, {rooms}) as n order by n;

insert into seats (auditorium_id, row_label, seat_number)
select a.id, chr(65 + n / 20), n % 20 + 1 from auditoriums as a cross join generate_series(0, {seats} - 1) as n
order by a.id, n;

insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select 1 + n % 100, 1 + n / {per_room}, t.at, t.at + interval '2 hours', t.at + interval '2 hours', 10
from generate_series(0, {showtimes} - 1) as n
cross join lateral (
    select
        (current_date + (n % {per_room} / 5 - 30) + time '10:00' + n % 5 * interval '3 hours') at time zone 'UTC' as at
) as t
order by n;

insert into users (name, email, password_hash)
select 'Customer ' || n, 'customer-' || n || '@example.com', '!' from generate_series(1, {users}) as n order by n;

insert into login_sessions (id, user_id, expires_at)
select gen_random_uuid(), id, now() + interval '30 days' from users where id % 10 = 0;
"""

# The showtimes, rooms, seats and users of an empty database have the numbers from 1 on. Fifteen reservations in twenty
# are confirmed, three are holds that expired, and two were cancelled.
RESERVATIONS = """
create temporary table made on commit drop as
select
    k,
    (lpad(to_hex((extract(epoch from t.at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(k % 4096), 3, '0')
        || 'a' || lpad(to_hex(k), 15, '0'))::uuid as id,
    t.at,
    1 + k / {per_showtime} as showtime_id,
    1 + k * 7919 % {users} as user_id,
    k / {per_showtime} / {per_room} * {seats} + k % {per_showtime} * 2 + 1 as first_seat,
    k % 20 < 15 as confirmed,
    k % 20 >= 18 as cancelled
from generate_series({first}::bigint, {last}::bigint) as k
cross join lateral (select now() - interval '70 days' + k::float8 / {total} * interval '69 days' as at) as t;

insert into reservations (
    id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at, cancelled_at
)
select
    id, user_id, showtime_id,
    case when confirmed then 'confirmed' when cancelled then 'cancelled' else 'held' end,
    20, at, at + interval '10 minutes',
    case when confirmed then at + interval '3 minutes' end,
    case when cancelled then at + interval '5 minutes' end
from made order by k;

insert into reservation_seats (reservation_id, seat_id, price_at_booking)
select id, first_seat + n, 10 from made cross join generate_series(0, 1) as n order by k, n;

insert into booked_seats (showtime_id, seat_id, reservation_id)
select showtime_id, first_seat + n, id from made cross join generate_series(0, 1) as n where confirmed order by k, n;
"""

# What 0013 and 0020 write into these rows, in one rewrite of the table without sales, where that is not to be measured.
# The last six bytes of an id of `fill` are the row's number. The codes are all different: an odd factor modulo 2^32.
NUMBER = "(get_byte(uuid_send(id), 13) << 16 | get_byte(uuid_send(id), 14) << 8 | get_byte(uuid_send(id), 15))"
OURS = "get_byte(uuid_send(id), 8) = 160 and get_byte(uuid_send(id), 9) = 0 and get_byte(uuid_send(id), 10) = 0"
PLACE = f"({NUMBER} % {PER_SHOWTIME} * 2)"
FIRST_SEAT = f"(showtime_id - 1) / {SHOWTIMES_PER_ROOM} * {SEATS} + {PLACE}"
BEFOREHAND = {
    "0013_fill_seats_in_reservations": f"""
alter table reservations
alter column seat_ids type bigint[]
using case when {OURS} then array[{FIRST_SEAT} + 1, {FIRST_SEAT} + 2] else seat_ids end,
alter column row_labels type text[]
using case when {OURS} then array_fill(chr(65 + {PLACE} / 20), array[2]) else row_labels end,
alter column seat_numbers type integer[]
using case when {OURS} then array[{PLACE} % 20 + 1, {PLACE} % 20 + 2] else seat_numbers end,
alter column prices type numeric(12, 2)[]
using case when {OURS} then '{{10.00,10.00}}' else prices end
""",
    "0020_reservation_codes": f"""
alter table reservations alter column code type text collate "C"
using case when {OURS} then upper(lpad(to_hex({NUMBER} * 2654435761 % 4294967296), 8, '0')) else code end
""",
}

TABLES = ["reservations", "reservation_seats", "booked_seats"]
INDEXES = """
select c.oid::regclass::text, pg_get_indexdef(c.oid) from pg_index as i inner join pg_class as c on i.indexrelid = c.oid
where i.indrelid = any(%s::regclass[]) and not exists (select from pg_constraint as n where n.conindid = c.oid)
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """How many rows there are."""

    reservations: int
    showtimes: int
    users: int


def fill(database_url: str, reservations: int, tell: Callable[[str], None]) -> Filled:
    """Fill an empty database by its superuser: indexes are built at the end, and foreign keys are not checked."""
    showtimes = max(SHOWTIMES_PER_ROOM, -(-reservations // PER_SHOWTIME))
    figures: dict[str, sql.Composable] = {
        name: sql.Literal(value)
        for name, value in (
            ("seats", SEATS),
            ("rooms", -(-showtimes // SHOWTIMES_PER_ROOM)),
            ("per_room", SHOWTIMES_PER_ROOM),
            ("per_showtime", PER_SHOWTIME),
            ("showtimes", showtimes),
            ("users", USERS),
            ("total", reservations),
        )
    }
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off; set maintenance_work_mem = '512MB'; set timezone = 'UTC'")
        connection.execute(sql.SQL(PROGRAMME).format(**figures))
        connection.execute("set session_replication_role = replica")
        indexes = connection.execute(INDEXES, [TABLES]).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
        for first in range(0, reservations, BATCH):
            last = min(first + BATCH, reservations) - 1
            with connection.transaction():
                connection.execute(
                    sql.SQL(RESERVATIONS).format(first=sql.Literal(first), last=sql.Literal(last), **figures)
                )
            tell(f"{last + 1:,} reservations")
        for name, definition in indexes:
            connection.execute(definition)
            tell(f"index {name}")
        connection.execute("set session_replication_role = origin")
        connection.execute("vacuum (analyze, freeze)")
        connection.execute("checkpoint")
    return Filled(reservations, showtimes, USERS)


def write_beforehand(database_url: str, migration: str) -> None:
    """Write what a migration writes into the rows of `fill`, while there are no sales."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set maintenance_work_mem = '512MB'")
        connection.execute(BEFOREHAND[migration].encode())
        connection.execute("vacuum (analyze, freeze) reservations")
        connection.execute("checkpoint")
