"""What the archive takes, what it leaves, and that customers see the same afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from redis.asyncio import Redis

from reservation.booking import archive as archiving
from reservation.booking.archive import archive
from reservation.commands.expected_errors import EXPECTED
from reservation.commands.main import commands
from reservation.db import migrations as schema
from reservation.db.repository.archive import move_reservations
from reservation.db.statements import sql
from reservation.dba.audit import Violation, audit
from reservation.http.app_keys import DATABASE
from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import SECRET

Run: TypeAlias = Callable[..., Result]
DAYS = 30


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def run(database_url: str, redis_url: str) -> Run:
    """Runs a command as the shell would."""

    def command(*words: str) -> Result:
        stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
        result = CliRunner().invoke(commands, words, env=stores)
        if result.exception is not None and not isinstance(result.exception, (SystemExit, *EXPECTED)):
            raise result.exception
        return result

    return command


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


async def reservations(api: Api, who: Person, cinema: Cinema) -> dict[str, Any]:
    """One of each kind, of two seats each."""
    made = {}
    for number, kind in enumerate(("confirmed", "cancelled", "expired", "returned")):
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[number * 2 : number * 2 + 2])
        assert held.status == 201, held.text
        made[kind] = held.json["id"]
    for kind in ("confirmed", "returned"):
        assert (await api.confirm(who, made[kind])).status == 200
    for kind in ("cancelled", "returned"):
        assert (await api.cancel(who, made[kind])).status == 200
    return made


async def grow_old(db: Connection, redis: Redis, cinema: Cinema, days: int = DAYS) -> None:
    """Let that many days pass for a showtime and all that was reserved of it."""
    ago = timedelta(days=days)
    await db.execute(
        "update showtimes set starts_at = starts_at - $2::interval, ends_at = ends_at - $2, free_at = free_at - $2"
        " where id = $1",
        cinema.showtime_id,
        ago,
    )
    await db.execute(
        "update reservations set created_at = created_at - $2::interval, expires_at = expires_at - $2,"
        " confirmed_at = confirmed_at - $2, cancelled_at = cancelled_at - $2 where showtime_id = $1",
        cinema.showtime_id,
        ago,
    )
    await redis.delete(*[key async for key in redis.scan_iter(match=f"{{{cinema.showtime_id}}}:*")])


async def old_cinema(api: Api, db: Connection, redis: Redis, who: Person) -> tuple[Cinema, dict[str, Any]]:
    cinema = await api.cinema()
    made = await reservations(api, who, cinema)
    await grow_old(db, redis, cinema)
    return cinema, made


async def count(db: Connection, table: str) -> int:
    found: int = await db.fetchval(f"select count(*) from {table}")
    return found


async def test_archive_moves_old_reservations_and_leaves_the_rest(
    api: Api, db: Connection, redis: Redis, run: Run
) -> None:
    who = await api.sign_up()
    _, old = await old_cinema(api, db, redis, who)
    fresh = await api.cinema()
    await reservations(api, who, fresh)
    before = await db.fetch("select * from reservations where showtime_id = $1 order by id", fresh.showtime_id)

    done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))

    assert (done.exit_code, done.output) == (0, "4 reservations of 1 showtimes archived\n")
    rows = await db.fetch("select id::text, status, seat_ids, total_price from archived_reservations")
    assert {row["id"]: row["status"] for row in rows} == {
        old["confirmed"]: "confirmed",
        old["cancelled"]: "cancelled",
        old["expired"]: "expired",
        old["returned"]: "cancelled",
    }
    assert {len(row["seat_ids"]) for row in rows} == {2}
    assert await db.fetch("select * from reservations order by id") == before
    assert (await count(db, "reservation_seats"), await count(db, "booked_seats")) == (8, 2)
    assert await audit(db, redis) == []
    again = await asyncio.to_thread(run, "archive", "--before", days_ago(7))
    assert again.output == "0 reservations of 1 showtimes archived\n"


async def test_archived_reservations_read_as_before(api: Api, db: Connection, redis: Redis, run: Run) -> None:
    who, other = await api.sign_up(), await api.sign_up()
    cinema, old = await old_cinema(api, db, redis, who)
    fresh = await api.cinema()
    await reservations(api, who, fresh)

    async def seen() -> list[Any]:
        paths = [f"/reservations/{one}" for one in old.values()]
        paths += ["/reservations", "/reservations?status=confirmed", "/reservations?status=expired"]
        paths += [f"/showtimes/{cinema.showtime_id}"]
        answers: list[Answer] = [await api.call("GET", path, who=who) for path in paths]
        for act in (api.confirm, api.extend, api.cancel):
            answers += [await act(who, one) for one in old.values()]
            answers += [await act(other, old["confirmed"])]
        booked = await api.statuses(cinema.showtime_id)
        for answer in answers:
            (answer.json or {}).pop("seats_left", None)  # a job counts it some seconds after a change
        return [(answer.status, (answer.json or {}).get("code", answer.json)) for answer in answers] + [booked]

    before = await seen()
    assert "booked" in before[-1].values()
    done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))
    assert done.output.startswith("4 reservations")
    await redis.flushall()

    assert await seen() == before


async def test_pages_of_a_list_cover_both_tables(api: Api, db: Connection, redis: Redis, run: Run) -> None:
    who = await api.sign_up()
    cinemas = [await api.cinema() for _ in range(3)]
    for cinema in cinemas:
        await reservations(api, who, cinema)
    await grow_old(db, redis, cinemas[1])
    everything = [item["id"] for item in (await api.call("GET", "/reservations", who=who)).json["items"]]
    assert len(everything) == 12
    assert (await asyncio.to_thread(run, "archive", "--before", days_ago(7))).exit_code == 0

    found, path = [], "/reservations?limit=5"
    while path:
        page = (await api.call("GET", path, who=who)).json
        found += [item["id"] for item in page["items"]]
        path = f"/reservations?limit=5&cursor={page['next_cursor']}" if page["next_cursor"] else ""

    assert found == everything


async def test_a_showtime_with_archived_reservations_cannot_be_deleted(
    api: Api, db: Connection, redis: Redis, run: Run
) -> None:
    who, admin = await api.sign_up(), await api.admin()
    cinema, old = await old_cinema(api, db, redis, who)
    assert (await asyncio.to_thread(run, "archive", "--before", days_ago(7))).exit_code == 0
    elsewhere, _ = await api.auditorium()
    shown = (await api.call("GET", f"/reservations/{old['confirmed']}", who=who)).json

    for path in (
        f"/admin/showtimes/{cinema.showtime_id}",
        f"/admin/movies/{cinema.movie_id}",
        f"/admin/auditoriums/{cinema.auditorium_id}",
    ):
        answer = await api.call("DELETE", path, who=admin)
        assert (answer.status, answer.code) == (409, "in_use"), path
    showtime = (await api.call("GET", f"/admin/showtimes/{cinema.showtime_id}", who=admin)).json
    wanted = {name: showtime[name] for name in ("movie_id", "starts_at", "ends_at", "base_price")}
    moved = await api.call(
        "PUT", f"/admin/showtimes/{cinema.showtime_id}", wanted | {"auditorium_id": elsewhere}, who=admin
    )
    assert (moved.status, moved.code) == (409, "in_use")
    # A seat can go, and the reservation still says which it was.
    assert (await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", who=admin)).status == 204
    assert (await api.call("GET", f"/reservations/{old['confirmed']}", who=who)).json == shown


async def test_a_showtime_with_archived_reservations_cannot_be_moved_into_the_future(
    api: Api, db: Connection, redis: Redis, run: Run, tmp_path: Path
) -> None:
    """booked_seats prevents double sales, and has no rows of archived reservations."""
    who, admin = await api.sign_up(), await api.admin()
    cinema, _ = await old_cinema(api, db, redis, who)
    assert (await asyncio.to_thread(run, "archive", "--before", days_ago(7))).exit_code == 0
    address = f"/admin/showtimes/{cinema.showtime_id}"
    showtime = (await api.call("GET", address, who=admin)).json
    wanted = {name: showtime[name] for name in ("movie_id", "auditorium_id", "starts_at", "ends_at", "base_price")}

    moved = await api.call("PUT", address, wanted | slot(48), who=admin)
    assert (moved.status, moved.code) == (409, "in_use")
    row = wanted | slot(48) | {"id": cinema.showtime_id}
    (tmp_path / "showtimes.csv").write_text(",".join(row) + "\n" + ",".join(str(cell) for cell in row.values()) + "\n")
    imported = await asyncio.to_thread(run, "import", "showtimes", str(tmp_path / "showtimes.csv"))
    assert imported.exit_code != 0
    assert "The showtime has archived reservations, so its auditorium and time cannot change." in imported.stderr
    assert (await api.call("PUT", address, wanted | {"base_price": "11.00"}, who=admin)).status == 200


async def test_archive_leaves_a_showtime_that_is_moved_meanwhile(
    api: Api, db: Connection, redis: Redis, run: Run
) -> None:
    """Into the future, after the job read it as ended; before and after the other transaction commits."""
    cinema, _ = await old_cinema(api, db, redis, await api.sign_up())
    before = datetime.now(UTC) - timedelta(days=7)
    move = (
        "update showtimes set starts_at = starts_at + $2, ends_at = ends_at + $2, free_at = free_at + $2 where id = $1"
    )
    moved = partial(move_reservations, showtime_ids=[cinema.showtime_id], before=before, row_limit=500)
    database = api.client.server.app[DATABASE]  # type: ignore[attr-defined]
    async with db.transaction():
        await db.execute(move, cinema.showtime_id, timedelta(days=60))
        async with database.connection() as conn:
            assert await moved(conn) == 0
    async with database.connection() as conn:
        assert await moved(conn) == 0
        await db.execute(move, cinema.showtime_id, timedelta(days=-60))
        assert await moved(conn) == 4


async def test_load_reset_leaves_the_room_of_an_archived_drill(
    api: Api, db: Connection, redis: Redis, run: Run
) -> None:
    cinema, _ = await old_cinema(api, db, redis, await api.sign_up())
    await db.execute(
        """update auditoriums set extra_metadata = '{"load_drill": true}' where id = $1""", cinema.auditorium_id
    )
    assert (await asyncio.to_thread(run, "archive", "--before", days_ago(7))).exit_code == 0

    assert await db.fetch(sql("load/delete_drills")) == []
    assert await count(db, "auditoriums") == 1


async def test_archive_refuses_a_date_less_than_a_week_ago(run: Run) -> None:
    done = await asyncio.to_thread(run, "archive", "--before", days_ago(6))
    assert done.exit_code == 2
    assert "at least 7 days ago" in done.output
    assert (await asyncio.to_thread(run, "archive")).exit_code == 2


async def test_archive_leaves_locked_new_and_inconsistent_reservations(
    api: Api, db: Connection, redis: Redis, run: Run
) -> None:
    """It reports how many; the locked ones are archived by the next run."""
    who = await api.sign_up()
    cinema, old = await old_cinema(api, db, redis, who)
    # As if it had been made lately, for a showtime that an administrator then moved into the past.
    await db.execute(
        "update reservations set created_at = now(), expires_at = now() + interval '1 minute' where id = $1",
        old["cancelled"],
    )
    await db.execute("delete from booked_seats where seat_id = $1", cinema.seat_ids[0])
    async with db.transaction():
        await db.execute("select id from reservations where id = $1 for no key update", old["expired"])
        done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))
    assert done.stdout == "1 reservations of 1 showtimes archived\n"
    assert done.stderr.startswith("3 were left")

    done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))

    assert done.stdout == "1 reservations of 1 showtimes archived\n"
    left = {str(row["id"]) for row in await db.fetch("select id from reservations")}
    assert left == {old["confirmed"], old["cancelled"]}
    assert {found.rule for found in await audit(db, redis)} == {"seats_not_booked"}


async def test_archive_skips_a_showtime_that_an_administrator_has_locked(
    api: Api, db: Connection, redis: Redis, run: Run
) -> None:
    """A wait could deadlock: a deletion of the showtime waits for the reservations of its foreign keys."""
    who = await api.sign_up()
    cinema, _ = await old_cinema(api, db, redis, who)
    async with db.transaction():
        await db.execute("select id from showtimes where id = $1 for update", cinema.showtime_id)
        done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))
    assert done.stdout == "0 reservations of 1 showtimes archived\n"
    assert done.stderr.startswith("4 were left")

    done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))

    assert done.stdout == "4 reservations of 1 showtimes archived\n"


async def test_an_interrupted_archive_continues_when_run_again(
    api: Api, db: Connection, redis: Redis, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await api.sign_up()
    for _ in range(3):
        await old_cinema(api, db, redis, who)
    monkeypatch.setattr(archiving, "SHOWTIMES_A_PAGE", 1)
    monkeypatch.setattr(archiving, "ROWS_A_BATCH", 3)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    server: Any = api.client.server
    with pytest.raises(KeyboardInterrupt):
        await archive(server.app[DATABASE], before=datetime.now(UTC) - timedelta(days=7), advance=stop)
    assert (await count(db, "archived_reservations"), await count(db, "reservations")) == (4, 8)
    assert await audit(db, redis) == []

    done = await asyncio.to_thread(run, "archive", "--before", days_ago(7))

    assert done.stdout == "8 reservations of 3 showtimes archived\n"
    assert await count(db, "reservation_seats") == 0


async def test_two_archives_at_once_move_each_reservation_once(api: Api, db: Connection, redis: Redis) -> None:
    who = await api.sign_up()
    for _ in range(3):
        await old_cinema(api, db, redis, who)
    database = api.client.server.app[DATABASE]  # type: ignore[attr-defined]
    before = datetime.now(UTC) - timedelta(days=7)

    done = await asyncio.gather(*(archive(database, before=before, advance=lambda _: None) for _ in range(3)))

    assert sum(one.reservations for one in done) == await count(db, "archived_reservations") == 12
    assert await count(db, "reservations") == 0
    assert await audit(db, redis) == []


async def test_audit_reports_faults_in_the_archive(api: Api, db: Connection, redis: Redis, run: Run) -> None:
    who = await api.sign_up()
    _, old = await old_cinema(api, db, redis, who)
    kept = await db.fetchrow("select * from reservations where id = $1", old["confirmed"])
    assert (await asyncio.to_thread(run, "archive", "--before", days_ago(7))).exit_code == 0
    assert await audit(db, redis) == []

    await db.execute("update archived_reservations set total_price = 1 where id = $1", old["cancelled"])
    await db.execute("update archived_reservations set status = 'confirmed' where id = $1", old["expired"])
    twin = "update archived_reservations set seat_ids = (select seat_ids from archived_reservations where id = $1)"
    await db.execute(f"{twin} where id = $2", old["confirmed"], old["expired"])
    assert kept is not None
    await db.execute(
        "insert into reservations (id, user_id, showtime_id, status, total_price, created_at, expires_at, cancelled_at)"
        " values ($1, $2, $3, 'cancelled', 10, now(), now() + interval '1 minute', now())",
        UUID(old["returned"]),
        kept["user_id"],
        kept["showtime_id"],
    )

    found: list[Violation] = await audit(db, redis)

    assert {one.rule for one in found} == {
        "archived_wrong_totals",
        "archived_seats_sold_twice",
        "archived_and_kept",
        "reservations_without_seats",
        "wrong_events",  # no event tells the confirm
    }
    assert len([one for one in found if one.rule == "archived_seats_sold_twice"]) == 2


async def test_a_rollback_of_the_migration_restores_archived_reservations(
    api: Api, db: Connection, redis: Redis, run: Run, database_url: str
) -> None:
    who = await api.sign_up()
    await old_cinema(api, db, redis, who)
    tables = {
        "reservations": "id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at",
        "reservation_seats": "reservation_id, seat_id, price_at_booking",
        "booked_seats": "showtime_id, seat_id, reservation_id",
    }

    async def rows() -> list[Any]:
        return [
            await db.fetch(f"select {columns} from {table} order by {columns}") for table, columns in tables.items()
        ]

    await db.execute("update reservations set status = 'expired' where status = 'held'")
    before = await rows()
    assert (await asyncio.to_thread(run, "archive", "--before", days_ago(7))).exit_code == 0
    assert await rows() != before
    later = [name for name in schema.known_migrations() if name >= "0008"]
    await api.client.close()  # its jobs would miss tables

    await asyncio.to_thread(schema.rollback, database_url, len(later))

    assert await rows() == before


async def test_a_rollback_during_an_archive_restores_all_reservations(
    api: Api, db: Connection, redis: Redis, shared_db: Connection, database_url: str
) -> None:
    cinema, _ = await old_cinema(api, db, redis, await api.sign_up())
    await api.client.close()  # its jobs would miss tables
    later = [name for name in schema.known_migrations() if name >= "0008"]
    before = datetime.now(UTC) - timedelta(days=7)
    async with db.transaction():
        assert len(await db.fetch(sql("archive/move_reservations"), [cinema.showtime_id], before, 2)) == 2
        rolling_back = asyncio.create_task(asyncio.to_thread(schema.rollback, database_url, len(later)))
        await somebody_waits_for(shared_db, db.get_server_pid())
    await rolling_back

    assert await count(db, "reservations") == 4


async def somebody_waits_for(conn: Connection, pid: int) -> None:
    """Look until a session stands behind the locks of another."""
    waiting = "select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))"
    async with asyncio.timeout(20):
        while not await conn.fetchval(waiting, pid):
            await conn.execute("select pg_stat_clear_snapshot()")  # else a transaction sees those of its first look
            await asyncio.sleep(0.02)
