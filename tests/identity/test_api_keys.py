"""API keys of machine clients: shown once; valid within their scopes, until they are revoked or expire."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from reservation import resources
from reservation.app import TABLES
from reservation.db.repository import movies, reservation_lists as repository
from reservation.http.routes import Access
from reservation.identity import api_key_limits
from reservation.identity.api_key_format import Scope, new_key
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.http.test_problems import concrete, right_body
from tests.identity.caches import api_keys_of, connected, until

GUARDED = [operation for table in TABLES for operation in table.operations if operation.access is not Access.PUBLIC]
FOR_PEOPLE = (
    "/auth/",
    "/admin/users",
    "/admin/api-keys",
    "/admin/change-log",
    "/admin/webhooks",
    "/admin/dead-letters",
)
KEY = {"name": "Kiosk", "scopes": ["booking"]}


async def make(api: Api, user_id: int, *scopes: str, **fields: Any) -> tuple[int, Person]:
    """An API key's id, and a client that sends the key."""
    made = await api.make("/admin/api-keys", KEY | {"user_id": user_id, "scopes": [*scopes]} | fields)
    return int(made["id"]), machine(made["key"])


def machine(key: str) -> Person:
    return Person(0, "", key, "")


async def reservations(api: Api, who: Person) -> Answer:
    return await api.call("GET", "/reservations", who=who)


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


def body_for(operation: Any) -> dict[str, Any] | None:
    return None if operation.body is None else right_body(operation)


def count_lookups(api: Api) -> list[int]:
    """The number of keys in each look-up from now on."""
    verifier, sizes = api_keys_of(api), []
    inner = verifier._lookups._run

    async def run(batch: Any) -> Any:
        sizes.append(len(batch))
        return await inner(batch)

    verifier._lookups._run = run
    return sizes


@pytest.mark.parametrize(("days", "expected"), [("365", 365), ("7", 7), ("0", None)])
async def test_a_key_without_an_end_gets_one_from_the_settings(
    start_api: StartApi, days: str, expected: int | None
) -> None:
    api = await start_api(API_KEY_EXPIRE_DAYS=days)
    body = KEY | {"user_id": (await api.admin()).id, "scopes": ["booking"]}
    made = await api.make("/admin/api-keys", body)
    endless = await api.make("/admin/api-keys", body | {"expires_at": None})
    assert endless["expires_at"] is None
    if expected is None:
        assert made["expires_at"] is None
    else:
        lives = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
        assert abs(lives - timedelta(days=expected)) < timedelta(minutes=5)


async def test_a_key_is_shown_once_and_kept_as_its_hash(api: Api, db: Connection) -> None:
    admin, person = await api.admin(), await api.sign_up()
    body = KEY | {"user_id": person.id, "scopes": ["booking", "reports"], "expires_at": "2100-01-01T00:00:00+01:00"}
    made = await api.call("POST", "/admin/api-keys", body, who=admin)

    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    key = made.json.pop("key")
    assert (len(key), key[:12]) == (53, made.json["prefix"])
    assert made.json["scopes"] == ["booking", "reports"]
    assert (made.json["user_id"], made.json["created_by"]) == (person.id, admin.id)
    assert made.json["expires_at"] == "2099-12-31T23:00:00Z"
    assert (made.json["last_used_at"], made.json["revoked_at"]) == (None, None)
    read = await api.call("GET", made.headers["Location"], who=admin)
    assert read.json == made.json
    assert (await api.call("GET", "/admin/api-keys", who=admin)).json["items"] == [made.json]
    row = await db.fetchrow("select a::text as all_of_it, key_hash from api_keys as a")
    assert row is not None
    assert row["key_hash"] == sha256(key.encode()).digest()
    assert key[12:] not in row["all_of_it"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "a" * 101}, "/name"),
        ({"user_id": 4711}, "/user_id"),
        ({"user_id": None}, "/user_id"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["booking", "booking"]}, "/scopes"),
        ({"scopes": ["booking", "accounts"]}, "/scopes/1"),
        ({"scopes": "booking"}, "/scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2100-01-01T00:00:00"}, "/expires_at"),
        ({"key": "rsv_mine"}, "/key"),
        ({"limits": {"max_holds_per_user": -1}}, "/limits/max_holds_per_user"),
        ({"limits": {"holds_per_minute": "5"}}, "/limits/holds_per_minute"),
        ({"limits": {"max_holds": 5}}, "/limits/max_holds"),
        ({"limits": 5}, "/limits"),
    ],
)
async def test_an_invalid_key_body_is_422(api: Api, fields: dict[str, Any], pointer: str) -> None:
    admin = await api.admin()
    body = KEY | {"user_id": admin.id} | fields
    refused = await api.call("POST", "/admin/api-keys", body, who=admin)
    assert refusal(refused) == (422, "validation_error")
    assert {error["pointer"] for error in refused.json["errors"]} == {pointer}
    assert (await api.call("GET", "/admin/api-keys", who=admin)).json["items"] == []


async def test_a_key_shows_the_limits_that_it_was_made_with(api: Api, db: Connection) -> None:
    """A key that the version before inserts, without these columns, has no limits, as that version promised."""
    admin = await api.admin()
    wanted = {"max_holds_per_user": 0, "holds_per_minute": 30}
    shown = wanted | {"max_seats_per_user_per_showtime": None}
    made = await api.make("/admin/api-keys", KEY | {"user_id": admin.id, "limits": wanted})
    bodies: list[dict[str, Any]] = [{}, {"limits": None}, {"limits": {}}]
    for body in bodies:
        plain = await api.make("/admin/api-keys", KEY | {"user_id": admin.id} | body)
        assert plain["limits"] == dict.fromkeys(shown)
    assert made["limits"] == shown
    assert (await api.call("GET", f"/admin/api-keys/{made['id']}", who=admin)).json["limits"] == shown
    assert (await api.call("GET", "/admin/api-keys", who=admin)).json["items"][0]["limits"] == shown
    old_id = await db.fetchval(
        "insert into api_keys (name, user_id, prefix, key_hash, scopes, created_by)"
        " values ('Old', $1, 'rsv_old00000', sha256('old'), '{booking}', $1) returning id",
        admin.id,
    )
    old = await api.call("GET", f"/admin/api-keys/{old_id}", who=admin)
    assert old.json["limits"] == dict.fromkeys(shown, 0)


async def test_api_keys_are_listed_in_pages(api: Api) -> None:
    admin = await api.admin()
    made = [(await make(api, admin.id, "booking", name=f"Kiosk {number}"))[0] for number in range(3)]
    first = await api.call("GET", "/admin/api-keys?limit=2", who=admin)
    rest = await api.call("GET", f"/admin/api-keys?limit=2&cursor={first.json['next_cursor']}", who=admin)
    assert [key["id"] for key in first.json["items"] + rest.json["items"]] == made
    assert rest.json["next_cursor"] is None


async def test_a_booking_key_books_for_its_account(api: Api) -> None:
    cinema, person, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    _, kiosk = await make(api, person.id, "booking")
    _, foreign = await make(api, other.id, "booking")

    held = await api.hold(kiosk, cinema.showtime_id, cinema.seat_ids[:2])
    assert held.status == 201
    assert (await api.confirm(foreign, held.json["id"])).status == 404
    assert (await api.confirm(kiosk, held.json["id"])).status == 200
    for who in (kiosk, person):
        assert [one["id"] for one in (await reservations(api, who)).json["items"]] == [held.json["id"]]
    assert (await reservations(api, foreign)).json["items"] == []
    assert (await api.cancel(kiosk, held.json["id"])).json["status"] == "cancelled"


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_a_key_is_refused_outside_its_scopes(shared_api: Api, operation: Any) -> None:
    admin = await shared_api.admin()
    path = concrete(
        operation.path, "00000000-0000-0000-0000-000000000000" if "reservation_id" in operation.path else "1"
    )
    for scope in Scope:
        _, key = await make(shared_api, admin.id, scope)
        answer = await shared_api.call(operation.method, path, body_for(operation), who=key)
        if scope in operation.scopes:
            assert answer.status not in {401, 403}, answer.text
            continue
        assert refusal(answer) == (403, "insufficient_scope")
        assert answer.json["scopes"] == [*operation.scopes]
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert all(needed in challenge for needed in operation.scopes)


def test_every_operation_has_its_scopes() -> None:
    """Every table of operations names scopes, or its paths are listed here as closed to API keys."""
    for operation in GUARDED:
        assert (operation.scopes == ()) is operation.path.startswith(FOR_PEOPLE), operation.path
        assert operation.method == "GET" or Scope.REPORTS not in operation.scopes, operation.path


async def test_no_key_may_manage_accounts_or_keys(api: Api) -> None:
    admin = await api.admin()
    _, key = await make(api, admin.id, *Scope)
    for operation in GUARDED:
        if operation.path.startswith(FOR_PEOPLE):
            answer = await api.call(operation.method, concrete(operation.path), body_for(operation), who=key)
            assert refusal(answer) == (403, "insufficient_scope")
            assert answer.json["scopes"] == []
            assert "log in" in answer.json["detail"]
            assert "scope=" not in answer.headers["WWW-Authenticate"]


async def test_a_key_with_the_scope_is_403_without_the_accounts_role(api: Api) -> None:
    admin, person = await api.admin(), await api.sign_up()
    _, key = await make(api, person.id, *Scope)
    film = {"title": "A", "duration_minutes": 1}

    async def statuses() -> list[int]:
        return [
            (await api.call("POST", "/admin/movies", film, who=key)).status,
            (await api.call("GET", "/admin/movies", who=key)).status,
        ]

    assert await statuses() == [403, 403]
    assert (await api.call("GET", "/admin/movies", who=key)).code == "forbidden"
    for role, expected in (("admin", [201, 200]), ("user", [403, 403])):
        await api.call("PUT", f"/admin/users/{person.id}/role", {"role": role}, who=admin)
        assert await statuses() == expected


async def test_public_operations_ignore_an_invalid_key(api: Api) -> None:
    _, key = await make(api, (await api.admin()).id, "booking")
    for who in (key, machine("rsv_nonsense")):
        assert (await api.call("GET", "/movies", who=who)).status == 200


async def test_a_revoked_key_is_401_and_stays_listed(api: Api) -> None:
    admin = await api.admin()
    key_id, key = await make(api, admin.id, *Scope)
    _, other = await make(api, admin.id, *Scope)
    await connected(api)
    for who in (key, other):
        assert (await reservations(api, who)).status == 200
    for _ in range(2):
        assert (await api.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)).status == 204
    for path in ("/reservations", "/admin/movies"):
        assert refusal(await api.call("GET", path, who=key)) == (401, "invalid_token")
        assert (await api.call("GET", path, who=other)).status == 200
    first, second = (await api.call("GET", "/admin/api-keys", who=admin)).json["items"]
    assert first["revoked_at"] is not None
    assert second["revoked_at"] is None
    await api.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)
    assert (await api.call("GET", f"/admin/api-keys/{key_id}", who=admin)).json["revoked_at"] == first["revoked_at"]
    for method in ("GET", "DELETE"):
        assert refusal(await api.call(method, "/admin/api-keys/4711", who=admin)) == (404, "not_found")


async def test_a_cached_key_is_refused_from_its_expiry_on(api: Api, db: Connection) -> None:
    await connected(api)
    lookups = count_lookups(api)
    admin = await api.admin()
    ends_at = datetime.now(UTC) + timedelta(seconds=3)
    _, key = await make(api, admin.id, "booking", expires_at=ends_at.isoformat())
    assert (await reservations(api, key)).status == 200
    assert len(api_keys_of(api).cache._identities) == 1
    asked = 1
    while (answer := await reservations(api, key)).status == 200:
        asked += 1
    assert refusal(answer) == (401, "invalid_token")
    assert 2 <= len(lookups) < asked  # the first time, and after the cached identity expired
    assert await db.fetchval("select clock_timestamp() >= expires_at from api_keys")


async def test_an_expired_key_is_refused_administration_though_it_is_cached(api: Api, db: Connection) -> None:
    await connected(api)
    _, key = await make(api, (await api.admin()).id, "catalogue", expires_at="2100-01-01T00:00:00Z")
    assert (await api.call("GET", "/admin/movies", who=key)).status == 200
    await db.execute(
        "update api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'"
    )
    assert refusal(await api.call("GET", "/admin/movies", who=key)) == (401, "invalid_token")


async def test_a_key_is_looked_up_once(api: Api) -> None:
    await connected(api)
    person, other = await api.sign_up(), await api.sign_up()
    keys = [(await make(api, one.id, "booking"))[1] for one in (person, other)]
    lookups = count_lookups(api)
    for _ in range(3):
        for key in keys:
            assert (await reservations(api, key)).status == 200
    assert lookups == [1, 1]


async def test_the_cache_of_keys_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await connected(api)
    monkeypatch.setattr(api_keys_of(api).cache, "_max_entries", 2)
    for _ in range(4):
        _, key = await make(api, (await api.admin()).id, "booking")
        assert (await reservations(api, key)).status == 200
    assert len(api_keys_of(api).cache._identities) == 2


@pytest.mark.parametrize("invalidated", [True, False], ids=["invalidated", "connection lost"])
async def test_a_key_revoked_during_its_look_up_is_not_cached(api: Api, invalidated: bool) -> None:
    await connected(api)
    admin = await api.admin()
    key_id, key = await make(api, admin.id, "booking")
    verifier = api_keys_of(api)
    inner = verifier._lookups._run
    has_read, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(asked: Any) -> Any:
        found = await inner(asked)
        has_read.set()
        await may_go_on.wait()
        return found

    verifier._lookups._run = slowly
    asking = asyncio.create_task(reservations(api, key))
    async with asyncio.timeout(5):
        await has_read.wait()
    if invalidated:
        assert (await api.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)).status == 204
    else:
        verifier.cache.set_connected(False)
        verifier.cache.set_connected(True)
    may_go_on.set()
    assert (await asking).status == 200  # it was valid when it was read
    assert verifier.cache._identities == {}


async def test_a_malformed_or_unknown_key_is_401(api: Api) -> None:
    _, key = await make(api, (await api.admin()).id, *Scope)
    lookups = count_lookups(api)
    whole = key.access_token
    for other in (whole[:-1], whole + "0", whole[:-1] + ("0" if whole[-1] != "0" else "1"), whole.upper(), "rsv_"):
        assert refusal(await reservations(api, machine(other))) == (401, "invalid_token")
    assert lookups == []  # malformed keys are not looked up
    assert refusal(await reservations(api, machine(new_key()))) == (401, "invalid_token")
    assert lookups == [1]


async def test_last_used_at_is_written_at_most_every_half_minute_and_at_a_stop(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api()
    admin = await api.admin()
    _, used = await make(api, admin.id, "booking")
    await make(api, admin.id, "booking")

    async def last_used() -> list[datetime | None]:
        return [row["last_used_at"] for row in await db.fetch("select last_used_at from api_keys order by id")]

    await reservations(api, used)
    assert await last_used() == [None, None]  # not by the request itself
    await api_keys_of(api).write_last_used()
    first, unused = await last_used()
    assert first is not None
    assert unused is None
    await reservations(api, used)
    await api_keys_of(api).write_last_used()
    assert await last_used() == [first, None]  # written less than 30 s ago
    await db.execute("update api_keys set last_used_at = now() - interval '2 minutes' where last_used_at is not null")
    await api_keys_of(api).write_last_used()
    assert (await last_used())[0] != first
    earlier = await last_used()
    await api_keys_of(api).write_last_used()  # not used since
    assert await last_used() == earlier
    await reservations(api, used)
    await api.client.close()  # a stop writes what is still unwritten
    latest = (await last_used())[0]
    assert latest is not None
    assert latest > first


async def test_last_used_at_is_written_in_the_background(
    start_api: StartApi, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "WRITE_LAST_USED_EVERY_S", 0.01)
    api = await start_api()
    _, key = await make(api, (await api.admin()).id, "booking")
    await reservations(api, key)

    async def is_written() -> bool:
        return await db.fetchval("select last_used_at from api_keys") is not None

    await until(is_written, 5)


async def blocked(db: Connection) -> int:
    """How many connections wait for a table of this database, or for a gate: in pg_locks, which is always current."""
    count: int = await db.fetchval(
        "select count(*) from pg_locks as l inner join pg_database as d on l.database = d.oid"
        " where d.datname = current_database() and l.locktype in ('relation', 'advisory') and not l.granted"
    )
    return count


def test_only_sales_operations_are_not_back_office() -> None:
    """Every operation that keys may call is a list or administration, or is listed here as a sale or a visit."""
    own = "/reservations/{reservation_id}"
    assert {(operation.method, operation.path) for operation in GUARDED if not operation.is_back_office} == {
        ("POST", "/showtimes/{showtime_id}/holds"),
        ("GET", own),
        *(("POST", f"{own}/{what}") for what in ("confirm", "extend", "cancel", "seats", "exchange", "pay")),
        ("GET", f"{own}/payments"),
        ("DELETE", f"{own}/seats/{{seat_id}}"),
        *(("GET", f"{own}/tickets{what}") for what in ("", ".pdf", ".ics", "/{ticket_id}/qr.svg")),
        ("POST", "/showtimes/{showtime_id}/waiting-room"),
        *(("GET", f"/showtimes/{{showtime_id}}/waiting-room{what}") for what in ("", "/events")),
        ("POST", "/check-ins"),  # at a door, many in a short time
        # For people only.
        ("GET", "/auth/me"),
        ("DELETE", "/auth/me"),
        ("GET", "/auth/me/export"),
        ("PUT", "/auth/me"),
        ("POST", "/auth/password"),
        ("POST", "/auth/email/verify"),
        ("POST", "/auth/email/verify/resend"),
        ("DELETE", "/auth/sessions/{session_id}"),
        ("DELETE", "/auth/sessions"),
        ("POST", "/auth/reauthenticate"),
        ("GET", "/auth/totp"),
        ("POST", "/auth/totp"),
        ("POST", "/auth/totp/confirm"),
        ("DELETE", "/auth/totp"),
    }


async def sells(api: Api, cinema: Cinema, *who: Person) -> bool:
    """Whether each of them can hold a seat, look at the reservation, and confirm and cancel it."""
    for number, person in enumerate(who):
        held = await api.hold(person, cinema.showtime_id, [cinema.seat_ids[number]])
        assert held.status == 201, held.text
        assert (await api.call("GET", held.headers["Location"], who=person)).status == 200
        for end in (api.confirm, api.cancel):
            assert (await end(person, held.json["id"])).status == 200
    return True


def after_gate(statement: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A statement of the repository that waits in PostgreSQL while the test has the lock."""

    async def wait_and_run(conn: Any, **rest: Any) -> Any:
        await conn.execute(f"select pg_advisory_xact_lock_shared({GATE})")
        return await statement(conn, **rest)

    return wait_and_run


GATE = 4711
ONE_FILM = {"title": "A", "duration_minutes": 1}
BUSY = {
    "POOL_SIZE": "3",
    "REPORTS_CONCURRENCY": "5",
    "POOL_WAIT_SECONDS": "1",
    "STATEMENT_TIMEOUT_SECONDS": "60",
}


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (["reports"], "GET", "/admin/movies", 200),
        (["catalogue"], "GET", "/admin/movies", 200),
        ([*Scope], "GET", "/admin/movies", 200),
        (["catalogue"], "GET", "/admin/movies/4711", 404),
        (["catalogue"], "POST", "/admin/movies", 201),
    ],
)
async def test_a_full_back_office_does_not_block_sales(
    start_api: StartApi,
    db: Connection,
    monkeypatch: pytest.MonkeyPatch,
    scopes: list[str],
    method: str,
    path: str,
    status: int,
) -> None:
    """Reservations show films, too, so the administration of films is kept waiting before its statements."""
    monkeypatch.setattr(api_key_limits, "WAIT_S", 0.2)
    api = await start_api(**BUSY)
    cinema, customer = await api.cinema(), await api.sign_up()
    for name in ("list_movies", "find_movie", "insert_movie"):
        monkeypatch.setattr(movies, name, after_gate(getattr(movies, name)))
    _, key = await make(api, (await api.admin()).id, *scopes)
    _, kiosk = await make(api, customer.id, "booking")

    async def ask() -> Answer:
        return await api.call(method, path, ONE_FILM if method == "POST" else None, who=key)

    async with db.transaction():
        await db.execute(f"select pg_advisory_xact_lock({GATE})")
        asking = [asyncio.create_task(ask()) for _ in range(10)]

        async def all_slots_are_taken() -> bool:
            return await blocked(db) == 2

        await until(all_slots_are_taken, 5)
        assert await sells(api, cinema, customer, kiosk)
        refused = [await done for done in asyncio.as_completed(asking[2:])]
        assert {refusal(answer) for answer in refused} == {(429, "too_many_requests")}
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert [answer.status for answer in await asyncio.gather(*asking[:2])] == [status, status]
    assert (await ask()).status == status


@pytest.mark.parametrize("scopes", [["booking"], ["reports"], ["booking", "reports"]])
async def test_many_lists_of_reservations_do_not_block_sales(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch, scopes: list[str]
) -> None:
    """Sales need the same tables, so the lists are kept waiting with their connections and not by a lock."""
    monkeypatch.setattr(api_key_limits, "WAIT_S", 0.2)
    api = await start_api(**BUSY)
    cinema, customer = await api.cinema(), await api.sign_up()
    _, key = await make(api, customer.id, *scopes)
    _, kiosk = await make(api, customer.id, "booking")
    listed, go_on = repository.list_reservations, asyncio.Event()
    running = []

    async def slowly(conn: Any, **rest: Any) -> Any:
        running.append(conn)
        await go_on.wait()
        return await listed(conn, **rest)

    monkeypatch.setattr(repository, "list_reservations", slowly)
    asking = [asyncio.create_task(reservations(api, key)) for _ in range(10)]

    async def all_slots_are_taken() -> bool:
        return len(running) == 2

    await until(all_slots_are_taken, 5)
    assert await sells(api, cinema, customer, kiosk)
    refused = [await done for done in asyncio.as_completed(asking[2:])]
    assert {refusal(answer) for answer in refused} == {(429, "too_many_requests")}
    go_on.set()
    assert [answer.status for answer in await asyncio.gather(*asking[:2])] == [200, 200]


async def test_a_key_over_its_concurrency_limit_is_429(start_api: StartApi, db: Connection) -> None:
    api = await start_api(API_KEY_CONCURRENCY="2", REPORTS_CONCURRENCY="3", STATEMENT_TIMEOUT_SECONDS="60")
    person = await api.sign_up()
    _, key = await make(api, person.id, "booking")
    _, other = await make(api, (await api.admin()).id, "catalogue")
    async with db.transaction():
        await db.execute("lock table reservations in access exclusive mode")
        running = [asyncio.create_task(reservations(api, key)) for _ in range(2)]

        async def both_run() -> bool:
            return await blocked(db) == 2

        await until(both_run, 5)
        refused = await reservations(api, key)
        assert refusal(refused) == (429, "too_many_requests")
        assert refused.headers["Retry-After"] == "1"
        assert (await api.call("GET", "/admin/movies", who=other)).status == 200
        third = asyncio.create_task(reservations(api, person))  # a session has no such limit

        async def a_third_runs() -> bool:
            return await blocked(db) == 3

        await until(a_third_runs, 4)
    assert [answer.status for answer in await asyncio.gather(*running, third)] == [200, 200, 200]
    assert (await reservations(api, key)).status == 200
