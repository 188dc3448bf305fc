"""The audit finds every violated invariant, and nothing else."""

from collections.abc import AsyncIterator, Sequence, Set
from typing import TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation.booking.jobs import orphans
from reservation.dba import audit as auditing
from reservation.dba.audit import Violation, audit
from reservation.holds.hold_scan import HeldKey, still_held

Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONFIRMED = UUID("019aa000-0000-7000-8000-000000000001")  # seats 1 and 2 of showtime 1
HELD = UUID("019aa000-0000-7000-8000-000000000002")  # seat 3 of showtime 1
EXPIRED = UUID("019aa000-0000-7000-8000-000000000003")  # seat 3 of showtime 1, long ago
CANCELLED = UUID("019aa000-0000-7000-8000-000000000004")  # seats 1 and 2 of showtime 1, before the confirmed one

CINEMA = f"""
insert into users (name, email, password_hash) values ('A', 'a@example.com', 'x');
insert into movies (title, duration_minutes) values ('Film', 100);
insert into auditoriums (name, capacity) values ('One', 10), ('Two', 10);
insert into seats (auditorium_id, row_label, seat_number)
select room, 'A', number from generate_series(1, 2) as room, generate_series(1, 4) as number order by 1, 2;
insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select 1, room, starts_at, starts_at + interval '2 hours', starts_at + interval '2 hours', 10
from (values (1, now() + interval '1 day'), (2, now() + interval '1 day'), (1, now() + interval '26 hours'))
    as plan (room, starts_at);
insert into reservations (id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at,
cancelled_at, seat_ids, row_labels, seat_numbers, prices)
select id::uuid, 1, 1, status, 10 * cardinality(seat_ids), now() - age, now() - age + interval '10 minutes',
case status when 'confirmed' then now() end, case status when 'cancelled' then now() end,
seat_ids, array_fill('A'::text, array[cardinality(seat_ids)]), seat_ids, array_fill(10, array[cardinality(seat_ids)])
from (values
    ('{CONFIRMED}', 'confirmed', interval '0', array[1, 2]), ('{HELD}', 'held', interval '0', array[3]),
    ('{CANCELLED}', 'cancelled', interval '0', array[1, 2]), ('{EXPIRED}', 'held', interval '1 hour', array[3])
) as made (id, status, age, seat_ids);
insert into booked_seats (showtime_id, seat_id, reservation_id) values (1, 1, '{CONFIRMED}'), (1, 2, '{CONFIRMED}');
"""

NO_SEATS = "update reservations set seat_ids = '{}', row_labels = '{}', seat_numbers = '{}', prices = '{}'"


@pytest.fixture
async def cinema(db: Db, monkeypatch: pytest.MonkeyPatch) -> Db:
    """A database without violations, and an audit with a short wait between its two looks at holds."""
    monkeypatch.setattr(auditing, "SECOND_LOOK_S", 0.05)
    await db.execute(CINEMA)
    return db


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        await client.flushall()
        yield client


async def hold(redis: Redis, *, showtime_id: int, seat_id: int, holder: str) -> None:
    """The Redis keys of a hold."""
    await redis.set(f"{{{showtime_id}}}:seat:{seat_id}", holder, px=600_000)
    await redis.zadd(f"{{{showtime_id}}}:held", {str(seat_id): 4e12})
    await redis.set(f"{{{showtime_id}}}:version", 1)


def rules(violations: list[Violation]) -> set[str]:
    return {violation.rule for violation in violations}


async def test_empty_stores_are_clean(db: Db, redis: Redis) -> None:
    assert await audit(db, redis) == []


async def test_valid_stores_are_clean(cinema: Db, redis: Redis) -> None:
    await hold(redis, showtime_id=1, seat_id=3, holder=str(HELD))

    assert await audit(cinema, redis) == []


async def test_names_a_seat_sold_twice(cinema: Db, redis: Redis) -> None:
    await cinema.execute("alter table booked_seats drop constraint booked_seats_showtime_id_seat_id_key")
    await cinema.execute("update reservations set status = 'confirmed', confirmed_at = now() where id = $1", HELD)
    await cinema.execute(
        "update reservations set total_price = 20, seat_ids = '{1,3}', row_labels = '{A,A}', seat_numbers = '{1,3}',"
        " prices = '{10,10}' where id = $1",
        HELD,
    )
    await cinema.execute("insert into booked_seats values (1, 1, $1), (1, 3, $1)", HELD)

    assert await audit(cinema, redis) == [
        Violation("seats_sold_twice", "showtime 1, seat 1", f"sold 2 times: reservations {CONFIRMED}, {HELD}")
    ]


BLOCK = "insert into booked_seats (showtime_id, seat_id, block_reason) values ($1, $2, 'House seats')"


async def test_a_blocked_seat_is_no_violation(cinema: Db, redis: Redis) -> None:
    await cinema.execute(BLOCK, 1, 4)

    assert await audit(cinema, redis) == []


async def test_names_a_blocked_seat_that_is_held(cinema: Db, redis: Redis) -> None:
    await cinema.execute(BLOCK, 1, 3)

    assert await audit(cinema, redis) == [
        Violation("blocked_and_reserved", "showtime 1, seat 3", f"is blocked, and in reservation {HELD}, which is held")
    ]


async def test_names_a_blocked_seat_that_is_sold(cinema: Db, redis: Redis) -> None:
    await cinema.execute("alter table booked_seats drop constraint booked_seats_showtime_id_seat_id_key")
    await cinema.execute(BLOCK, 1, 2)

    assert await audit(cinema, redis) == [
        Violation("seats_sold_twice", "showtime 1, seat 2", f"sold 2 times: reservations {CONFIRMED}, none (blocked)"),
        Violation(
            "blocked_and_reserved",
            "showtime 1, seat 2",
            f"is blocked, and in reservation {CONFIRMED}, which is confirmed",
        ),
    ]


async def test_names_a_blocked_seat_of_another_room(cinema: Db, redis: Redis) -> None:
    await cinema.execute(BLOCK, 2, 4)
    await cinema.execute(BLOCK, 2, 4711)

    assert await audit(cinema, redis) == [
        Violation(
            "blocks_of_other_rooms",
            "showtime 2, seat 4",
            "is blocked and in auditorium 1, the showtime is in 2",
        ),
        Violation("blocks_of_other_rooms", "showtime 2, seat 4711", "is blocked and does not exist"),
    ]


async def test_names_a_paid_seat_that_is_not_booked(cinema: Db, redis: Redis) -> None:
    await cinema.execute("delete from booked_seats where seat_id = 2")

    assert await audit(cinema, redis) == [
        Violation(
            "seats_not_booked",
            f"reservation {CONFIRMED}",
            "is confirmed but does not own seat 2 of showtime 1",
        )
    ]


async def test_names_a_booked_seat_that_was_not_asked_for(cinema: Db, redis: Redis) -> None:
    await cinema.execute("insert into booked_seats values (1, 4, $1)", CONFIRMED)

    assert await audit(cinema, redis) == [
        Violation(
            "seats_not_reserved",
            f"reservation {CONFIRMED}",
            "owns seat 4 of showtime 1 without asking for it",
        )
    ]


async def test_names_a_seat_booked_for_another_showtime(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update booked_seats set showtime_id = 3 where seat_id = 2")

    found = await audit(cinema, redis)

    assert rules(found) == {"seats_not_booked", "seats_not_reserved"}
    assert found[-1].detail == "is for showtime 1 but owns seat 2 of showtime 3"


@pytest.mark.parametrize("reservation_id", [HELD, EXPIRED], ids=["held", "expired"])
async def test_names_a_seat_booked_by_an_unconfirmed_reservation(
    cinema: Db, redis: Redis, reservation_id: UUID
) -> None:
    await cinema.execute("insert into booked_seats values (1, 3, $1)", reservation_id)

    assert await audit(cinema, redis) == [
        Violation("seats_not_confirmed", f"reservation {reservation_id}", "is held but owns seat 3 of showtime 1")
    ]


async def test_names_a_seat_that_a_cancelled_reservation_kept(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set status = 'cancelled', cancelled_at = now() where id = $1", CONFIRMED)

    assert rules(await audit(cinema, redis)) == {"seats_not_confirmed"}


async def test_names_a_seat_booked_by_a_reservation_that_is_gone(cinema: Db, redis: Redis) -> None:
    await cinema.execute("delete from reservations where id = $1", CONFIRMED)

    found = await audit(cinema, redis)

    assert rules(found) == {"seats_not_reserved", "seats_not_confirmed"}
    assert found[-1].detail == "is gone but owns seat 2 of showtime 1"


async def test_names_a_reason_of_a_reservation_that_is_not_cancelled(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set cancel_reason = 'R' where id = any($1)", [CONFIRMED, CANCELLED])

    assert await audit(cinema, redis) == [
        Violation(
            "reasons_without_cancel",
            f"reservation {CONFIRMED}",
            "has a reason why it was cancelled, and is confirmed",
        )
    ]


TICKET = UUID("019aa000-0000-7000-8000-000000000009")


async def make_ticket(db: Db, ticket_id: UUID = TICKET, reservation_id: UUID = CONFIRMED, seat_id: int = 1) -> None:
    await db.execute(
        "insert into tickets (id, reservation_id, showtime_id, seat_id, code)"
        " values ($1, $2, 1, $3, substr(md5($1::uuid::text), 1, 10))",
        *(ticket_id, reservation_id, seat_id),
    )


async def test_tickets_of_booked_and_archived_seats_are_no_violation(cinema: Db, redis: Redis) -> None:
    await make_ticket(cinema)
    assert await audit(cinema, redis) == []
    columns = (
        "id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at, seat_ids, row_labels,"
        " seat_numbers, prices, code"
    )
    await cinema.execute(
        f"insert into archived_reservations ({columns}) select {columns} from reservations where id = $1", CONFIRMED
    )
    await cinema.execute("delete from booked_seats")
    await cinema.execute("delete from reservations where id = $1", CONFIRMED)
    assert await audit(cinema, redis) == []


async def test_names_a_ticket_whose_seat_its_reservation_does_not_own(cinema: Db, redis: Redis) -> None:
    await make_ticket(cinema, reservation_id=CANCELLED)

    assert await audit(cinema, redis) == [
        Violation(
            "tickets_without_seats",
            f"ticket {TICKET}",
            f"is good for seat 1 of showtime 1, which reservation {CANCELLED} does not own",
        )
    ]
    await cinema.execute("update tickets set cancelled_at = now()")
    assert await audit(cinema, redis) == []


async def test_names_two_tickets_of_a_seat(cinema: Db, redis: Redis) -> None:
    await cinema.execute("drop index tickets_seat_key")
    await make_ticket(cinema)
    await make_ticket(cinema, HELD)

    assert await audit(cinema, redis) == [
        Violation("tickets_of_one_seat", "seat 1", "of showtime 1 has 2 tickets that are good")
    ]


async def test_names_a_ticket_that_was_checked_in_after_its_cancel(cinema: Db, redis: Redis) -> None:
    await make_ticket(cinema)
    check_in = "update tickets set checked_in_by = 1, cancelled_at = now(), checked_in_at = now() + $1 * interval '1 s'"
    await cinema.execute(check_in, -1)  # before: the showtime was called off afterwards
    assert await audit(cinema, redis) == []
    await cinema.execute(check_in, 1)

    assert rules(await audit(cinema, redis)) == {"checked_in_after_cancel"}


async def test_names_a_guest_of_the_box_office_with_a_login_session(cinema: Db, redis: Redis) -> None:
    columns = "name, guest_email, password_hash, role, made_at_box_office"
    made = f"insert into users ({columns}) values ('G', $1, '!', 'guest', $2) returning id"
    session = "insert into login_sessions (id, user_id, expires_at) values ($1, $2, now())"
    for at_box_office in (True, False):
        user_id = await cinema.fetchval(made, "g@example.com", at_box_office)
        await cinema.execute(session, HELD if at_box_office else EXPIRED, user_id)

    assert await audit(cinema, redis) == [
        Violation(
            "box_office_guests_with_sessions", "user 2", f"was made at the box office, and has the login session {HELD}"
        )
    ]


@pytest.mark.parametrize(
    ("left", "what"),
    [
        ("update users set name = 'Ann' where id = 1", "a name or an address"),
        ("update users set email = 'ann@example.com' where id = 1", "a name or an address"),
        (
            f"insert into login_sessions (id, user_id, expires_at) values ('{HELD}', 1, now())",
            "a login session",
        ),
        (
            "insert into account_tokens (token_hash, user_id, purpose, expires_at)"
            " values (sha256('t'), 1, 'verify_email', now())",
            "a mailed token",
        ),
        (
            "insert into api_keys (name, user_id, prefix, key_hash, scopes, created_by)"
            " values ('K', 1, 'rsv_12345678', sha256('k'), '{booking}', 1)",
            "an API key",
        ),
        (
            "insert into change_log (at, action, subject, after, person_id)"
            " values (now() - interval '1 day', 'create_api_key', 'api-key/1', '{\"name\": \"K\"}', 1)",
            "the contents of an entry in the change log",
        ),
        (
            "alter table reservations disable trigger reservations_of_erased;"
            f" update reservations set reference = 'R' where id = '{CONFIRMED}'",
            f"a reference, metadata or a reason of reservation {CONFIRMED}",
        ),
    ],
)
async def test_names_what_is_left_of_an_erased_person(cinema: Db, redis: Redis, left: str, what: str) -> None:
    await cinema.execute("update users set erased_at = now() where id = 1")
    assert await audit(cinema, redis) == []
    await cinema.execute(left)

    assert await audit(cinema, redis) == [Violation("erased_people", "user 1", f"was erased, but there is {what}")]


async def test_names_a_seat_of_another_room(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set seat_ids = '{7}' where id = $1", HELD)

    assert await audit(cinema, redis) == [
        Violation(
            "seats_of_other_rooms",
            f"reservation {HELD}",
            "has seat 7 of auditorium 2, but showtime 1 is in auditorium 1",
        )
    ]


async def test_names_a_seat_that_does_not_exist(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set seat_ids = '{4711}' where id = $1", HELD)

    assert await audit(cinema, redis) == [
        Violation("seats_of_other_rooms", f"reservation {HELD}", "has seat 4711, which does not exist")
    ]


async def test_names_a_seat_that_a_reservation_has_twice(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set seat_ids = '{1,1}' where id = $1", CANCELLED)

    assert await audit(cinema, redis) == [
        Violation("seats_listed_twice", f"reservation {CANCELLED}", "has 2 seats, but only 1 different ones")
    ]


async def test_names_a_wrong_total(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set total_price = 19.99 where id = $1", CONFIRMED)

    assert await audit(cinema, redis) == [
        Violation("wrong_totals", f"reservation {CONFIRMED}", "has a total of 19.99, but its seats cost 20.00")
    ]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("total_price = 11", "has a total of 11.00, but its seats cost 30.00"),
        ("seat_ids = '{1,2,4}', reservation_id = gen_random_uuid()", "is of a reservation that does not exist"),
        ("seat_ids = '{3,4,5}', seat_numbers = '{3,4,5}'", "cancelled some seats, but left others than the rest"),
        (
            "seat_ids = '{3,4,5}', seat_numbers = '{3,4,5}', change = 'added_seats'",
            "added seats, but left out some that were there",
        ),
    ],
)
async def test_names_a_wrong_change(cinema: Db, redis: Redis, change: str, detail: str) -> None:
    await cinema.execute(
        "insert into reservation_changes (reservation_id, change, changed_by, status, showtime_id, total_price,"
        " seat_ids, row_labels, seat_numbers, prices, ticket_type_ids) values ($1, 'cancelled_seats', 'customer',"
        " 'confirmed', 1, 30, '{1,2,4}', '{A,A,A}', '{1,2,4}', '{10,10,10}', '{}')",
        CONFIRMED,
    )
    assert await audit(cinema, redis) == []
    await cinema.execute(f"update reservation_changes set {change}")

    [found] = await audit(cinema, redis)

    assert (found.rule, found.detail) == ("wrong_changes", detail)


@pytest.mark.parametrize(
    ("types", "reservation_id", "detail"),
    [
        (["held"], CONFIRMED, "is confirmed, but has no event reservation.confirmed"),
        (["held", "confirmed", "cancelled"], CONFIRMED, "has an event reservation.cancelled, but is confirmed"),
        (["held", "confirmed"], EXPIRED, "has an event reservation.confirmed, but is held and was never confirmed"),
    ],
)
@pytest.mark.parametrize("table", ["outbox", "events"])
async def test_names_a_wrong_event(
    cinema: Db, redis: Redis, types: list[str], reservation_id: str, detail: str, table: str
) -> None:
    insert = f"insert into {table} (type, reservation_id, created_at) values ('reservation.' || $1, $2, now())"
    for confirmed in ("held", "confirmed"):
        await cinema.execute(insert, confirmed, CONFIRMED)
    assert await audit(cinema, redis) == []
    await cinema.execute(f"delete from {table}")
    for each in types:
        await cinema.execute(insert, each, reservation_id)

    assert await audit(cinema, redis) == [Violation("wrong_events", f"reservation {reservation_id}", detail)]


async def test_names_a_negative_price(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update reservations set prices = '{-1,21}' where id = $1", CONFIRMED)

    assert await audit(cinema, redis) == [
        Violation("wrong_totals", f"reservation {CONFIRMED}", "has a seat that costs -1.00")
    ]


async def test_names_a_reservation_without_seats(cinema: Db, redis: Redis) -> None:
    await cinema.execute(f"{NO_SEATS} where id = $1", EXPIRED)

    assert await audit(cinema, redis) == [
        Violation("reservations_without_seats", f"reservation {EXPIRED}", "is held and has no seats")
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("code = 'LOWER-UP'", "code"),
        ("ticket_type_ids = '{1}'", "ticket types"),
        ("ticket_type_ids = '{1,4711}'", "ticket types"),
        ("cancelled_by = 'customer'", "cancelled_by"),
        ("reference = repeat('x', 101)", "reference"),
        ("metadata = '[]'", "metadata"),
        ("code = 'U0000000', metadata = '1'", "code, metadata"),
    ],
)
async def test_names_wrong_details(cinema: Db, redis: Redis, change: str, wrong: str) -> None:
    await cinema.execute(f"update reservations set {change} where id = $1", CONFIRMED)

    assert await audit(cinema, redis) == [
        Violation("wrong_details", f"reservation {CONFIRMED}", f"has the wrong {wrong}")
    ]


@pytest.mark.parametrize("what", ["film", "cleaning"])
async def test_names_overlapping_showtimes(cinema: Db, redis: Redis, what: str) -> None:
    await cinema.execute("alter table showtimes drop constraint showtimes_overlap_excl")
    await cinema.execute("update showtimes set free_at = free_at + interval '1 minute' where id = 1")
    if what == "film":
        await cinema.execute("update showtimes set ends_at = free_at where id = 1")

    found = await audit(cinema, redis)

    assert [(violation.rule, violation.subject) for violation in found] == [("overlapping_showtimes", "showtime 3")]


async def test_names_what_is_sold_of_a_cancelled_showtime(cinema: Db, redis: Redis) -> None:
    await cinema.execute("update showtimes set status = 'cancelled', cancelled_at = now() where id = 1")

    found = await audit(cinema, redis)

    assert {violation.rule for violation in found} == {"sales_of_cancelled_showtimes"}
    subjects = [violation.subject for violation in found]
    assert subjects == [f"reservation {CONFIRMED}"] * 3 + [f"reservation {HELD}"]


async def test_names_overlap_with_a_showtime_before_the_last(cinema: Db, redis: Redis) -> None:
    await cinema.execute("alter table showtimes drop constraint showtimes_overlap_excl")
    await cinema.execute("""
        insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
        select 1, 1, starts_at + interval '30 minutes', starts_at + interval '1 hour', starts_at + interval '1 hour', 1
        from showtimes where id = 1
        union all
        select 1, 1, starts_at + interval '90 minutes', ends_at, ends_at, 1 from showtimes where id = 1
    """)

    found = await audit(cinema, redis)

    assert [violation.subject for violation in found] == ["showtime 4", "showtime 5"]


@pytest.mark.parametrize(
    ("holder", "seat_id", "state"),
    [
        (str(uuid4()), 4, "does not exist"),
        (str(EXPIRED), 3, "has expired or has other seats"),
        (str(HELD), 4, "has expired or has other seats"),
        (str(CONFIRMED), 1, "is confirmed"),
        (str(CANCELLED), 1, "is cancelled"),
        ("nonsense", 4, "does not exist"),
    ],
    ids=["unknown", "expired", "another seat", "confirmed", "cancelled", "no UUID"],
)
async def test_names_a_hold_without_reservation(
    cinema: Db, redis: Redis, holder: str, seat_id: int, state: str
) -> None:
    await hold(redis, showtime_id=1, seat_id=seat_id, holder=holder)

    assert await audit(cinema, redis) == [
        Violation(
            "holds_without_reservation",
            f"key {{1}}:seat:{seat_id}",
            f"holds the seat for reservation {holder}, which {state}",
        )
    ]


async def test_names_a_hold_of_another_showtime(cinema: Db, redis: Redis) -> None:
    await hold(redis, showtime_id=3, seat_id=3, holder=str(HELD))

    assert rules(await audit(cinema, redis)) == {"holds_without_reservation"}


@pytest.mark.parametrize("remedy", ["released", "taken by another", "inserted"])
async def test_a_hold_that_is_right_at_the_second_look_is_not_named(
    cinema: Db, redis: Redis, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = uuid4()
    await hold(redis, showtime_id=1, seat_id=4, holder=str(late))

    async def second_look(client: Redis, held: Set[HeldKey]) -> Sequence[HeldKey]:
        assert {key.holder for key in held} == {str(late)}
        if remedy == "released":
            await redis.delete("{1}:seat:4")
        elif remedy == "taken by another":
            await hold(redis, showtime_id=1, seat_id=4, holder=str(uuid4()))
        else:
            await insert_reservation(cinema, late)
        return await still_held(client, held)

    monkeypatch.setattr(orphans, "still_held", second_look)

    assert await audit(cinema, redis) == []


async def insert_reservation(db: Db, reservation_id: UUID) -> None:
    await db.execute(
        "insert into reservations"
        " (id, user_id, showtime_id, total_price, expires_at, seat_ids, row_labels, seat_numbers, prices)"
        " values ($1, 1, 1, 10, now() + interval '10 minutes', '{4}', '{A}', '{4}', '{10}')",
        reservation_id,
    )


async def test_other_keys_in_redis_are_ignored(cinema: Db, redis: Redis) -> None:
    await redis.zadd("{shop}:held", {"7": 4e12})
    await redis.zadd("{99999999999999999999}:held", {"7": 4e12})
    await redis.zadd("{1}:held", {"nonsense": 4e12, "-4": 4e12, "4": 4e12})

    assert await audit(cinema, redis) == []


async def test_a_client_that_decodes_replies_works_as_well(cinema: Db, redis: Redis, redis_url: str) -> None:
    await hold(redis, showtime_id=1, seat_id=4, holder=str(uuid4()))

    async with Redis.from_url(redis_url, decode_responses=True) as decoding:
        assert rules(await audit(cinema, decoding)) == {"holds_without_reservation"}


async def test_names_twenty_a_rule_and_counts_the_rest(cinema: Db, redis: Redis) -> None:
    await cinema.execute("""
        insert into reservations (id, user_id, showtime_id, total_price, expires_at)
        select gen_random_uuid(), 1, 1, 0, now() + interval '10 minutes' from generate_series(1, 1234)
    """)
    for seat_id in range(1000, 1025):
        await hold(redis, showtime_id=1, seat_id=seat_id, holder=str(HELD))

    found = await audit(cinema, redis)

    assert [violation.rule for violation in found] == ["reservations_without_seats"] * 21 + [
        "holds_without_reservation"
    ] * 21
    assert str(found[20]) == "reservations_without_seats: 1,214 more violate this rule"
    assert str(found[41]) == "holds_without_reservation: 5 more violate this rule"


async def test_reads_only_and_leaves_the_session_as_it_was(cinema: Db, redis: Redis) -> None:
    settings = "select current_setting('work_mem'), current_setting('statement_timeout')"
    before = await cinema.fetchrow(settings)

    await audit(cinema, redis)

    assert await cinema.fetchrow(settings) == before
    assert not cinema.is_in_transaction()
