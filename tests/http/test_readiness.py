"""/ready: 503 while a hold or a confirm could not be made, naming the store; 200 again when that ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db.repository import ops
from reservation.http import readiness
from reservation.http.app_keys import DATABASE
from tests.api import Answer, Api, Connection
from tests.conftest import StartApi
from tests.ports import free_port

PATIENCE_S = 60.0
APP = "reservation_app"
TERMINATE = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


async def until(api: Api, status: int, text: str = "") -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await api.call("GET", "/ready")).status != status or text not in answer.text:
            await asyncio.sleep(0.05)
    assert (await api.call("GET", "/health")).status == 200
    return answer


async def test_a_read_only_database_is_not_ready(start_api: StartApi, db: Connection) -> None:
    api = await start_api()
    await until(api, 200)
    name = await db.fetchval("select quote_ident(current_database())")
    await db.execute(f"alter database {name} set default_transaction_read_only = on")
    await db.execute(TERMINATE)
    refused = await until(api, 503, "read-only")
    assert (refused.code, refused.json["detail"]) == ("database_unavailable", "PostgreSQL: it is read-only.")
    assert int(refused.headers["Retry-After"]) > 0
    await db.execute(f"alter database {name} reset default_transaction_read_only")
    await until(api, 200)


async def test_a_role_that_lost_a_right_is_not_ready(start_api: StartApi, db: Connection) -> None:
    api = await start_api(DATABASE_ROLE=APP)
    await until(api, 200)
    await db.execute(f"revoke update on database_generation from {APP}")
    assert (await until(api, 503)).json["detail"] == f"PostgreSQL: the role {APP} may not write reservations."
    await db.execute(f"grant update on database_generation to {APP}")
    await until(api, 200)


async def test_pending_migrations_are_named(api: Api, db: Connection) -> None:
    await db.execute("delete from _yoyo_migration where migration_id like '0002%'")
    assert "PostgreSQL: the schema is out of date: 0002" in (await api.call("GET", "/ready")).json["detail"]


async def test_a_schema_without_the_table_of_migrations_is_not_ready(api: Api, db: Connection) -> None:
    await db.execute("alter table _yoyo_migration rename to other")
    assert (await api.call("GET", "/ready")).code == "database_unavailable"
    await db.execute("alter table other rename to _yoyo_migration")
    await until(api, 200)


async def test_a_pool_that_gives_no_connection_in_time_is_not_ready(start_api: StartApi) -> None:
    api = await start_api(POOL_SIZE="1", POOL_WAIT_SECONDS="3")
    await until(api, 200)
    async with api.client.app[DATABASE].connection():
        refused = await until(api, 503)
    assert refused.code == "overloaded"
    assert refused.json["detail"] == "PostgreSQL: no connection of the pool became free in time."
    await until(api, 200)


@asynccontextmanager
async def no_memory(redis: Redis) -> AsyncIterator[None]:
    await redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await redis.config_set("maxmemory", 0)


@asynccontextmanager
async def a_replica(redis: Redis) -> AsyncIterator[None]:
    await redis.execute_command("REPLICAOF", "127.0.0.1", free_port())
    try:
        yield
    finally:
        await redis.execute_command("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def a_replica_without_its_master(redis: Redis) -> AsyncIterator[None]:
    await redis.config_set("replica-serve-stale-data", "no")
    try:
        async with a_replica(redis):
            yield
    finally:
        await redis.config_set("replica-serve-stale-data", "yes")


@asynccontextmanager
async def too_few_replicas(redis: Redis) -> AsyncIterator[None]:
    await redis.config_set("min-replicas-to-write", 1)
    try:
        yield
    finally:
        await redis.config_set("min-replicas-to-write", 0)


@asynccontextmanager
async def a_failed_snapshot(redis: Redis) -> AsyncIterator[None]:
    """RDB cannot be written, since a folder has its name."""
    folder = Path(str((await redis.config_get("dir"))["dir"]))
    (folder / "dump.rdb" / "sub").mkdir(parents=True)
    await redis.config_set("save", "3600 100000000")
    await redis.bgsave()
    async with asyncio.timeout(PATIENCE_S):
        while (await redis.info("persistence"))["rdb_last_bgsave_status"] != "err":
            await asyncio.sleep(0.02)
    try:
        yield
    finally:
        await redis.config_set("save", "")
        (folder / "dump.rdb" / "sub").rmdir()
        (folder / "dump.rdb").rmdir()


@asynccontextmanager
async def no_right_to_run_scripts(redis: Redis) -> AsyncIterator[None]:
    await redis.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval")
    try:
        yield
    finally:
        await redis.execute_command("ACL", "SETUSER", "default", "+@all")


STATES: Mapping[str, Callable[[Redis], Any]] = {
    "OOM": no_memory,
    "READONLY": a_replica,
    "MASTERDOWN": a_replica_without_its_master,
    "NOREPLICAS": too_few_replicas,
    "MISCONF": a_failed_snapshot,
    "NOPERM": no_right_to_run_scripts,
}


@pytest.mark.parametrize("refusal", STATES)
async def test_a_redis_that_takes_no_writes_is_not_ready(api: Api, redis: Redis, refusal: str) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await until(api, 200)
    async with STATES[refusal](redis):
        refused = await until(api, 503)
        assert refused.code == "holds_unavailable"
        assert refused.json["detail"] == f"Redis refuses to write: {refusal}."
        hold = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
        assert (hold.status, hold.code) == (503, "holds_unavailable")
    await until(api, 200)
    async with asyncio.timeout(PATIENCE_S):
        while (hold := await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])).status == 503:
            await asyncio.sleep(0.05)
    assert hold.status == 201


async def test_both_stores_are_named_when_both_fail(api: Api, redis: Redis, db: Connection) -> None:
    await db.execute("alter table _yoyo_migration rename to other")
    async with no_memory(redis):
        refused = await until(api, 503)
    await db.execute("alter table other rename to _yoyo_migration")
    assert refused.code == "database_unavailable"
    assert "PostgreSQL: " in refused.json["detail"]
    assert "Redis refuses to write: OOM." in refused.json["detail"]


async def test_many_balancers_share_one_check(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = 0
    check = ops.write_refusal

    async def counted(conn: Any) -> ops.WriteRefusal:
        nonlocal checks
        checks += 1
        return await check(conn)

    monkeypatch.setattr(ops, "write_refusal", counted)
    monkeypatch.setattr(readiness, "FRESH_S", 3600)
    for _ in range(2):
        answers = await asyncio.gather(*(api.call("GET", "/ready") for _ in range(30)))
        assert {answer.status for answer in answers} == {200}
    assert checks == 1


@pytest.mark.parametrize("refusal", STATES)
async def test_requests_while_redis_takes_no_writes_are_answered_or_503(
    start_api: StartApi, redis: Redis, refusal: str
) -> None:
    """Confirms, cancels, logins and administration go on; what needs a write to Redis is 503."""
    api = await start_api(LOGIN_FAILURES="10", SIGNUPS_PER_MINUTE_PER_ADDRESS="600", HOLDS_PER_MINUTE_PER_ADDRESS="600")
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    held = [(await api.hold(who, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids[:3]]
    seats = f"/showtimes/{cinema.showtime_id}/seats"
    path = f"/admin/showtimes/{cinema.showtime_id}"
    async with STATES[refusal](redis):
        await until(api, 503, refusal)
        assert (await api.confirm(who, held[0])).status == 200
        assert (await api.cancel(who, held[1])).status == 200
        other = await api.sign_up()
        assert (await api.call("GET", "/reservations", who=other)).status == 200
        either = [
            await api.extend(who, held[2]),
            await api.call("GET", seats),
            await api.call("GET", f"{seats}?fields=status"),
            await api.call("POST", f"{path}/blocks", {"seat_ids": cinema.seat_ids[5:6], "reason": "camera"}, who=admin),
            await api.call("POST", f"{path}/cancel", {"reason": "flood"}, who=admin),
            await api.call("PUT", f"/admin/users/{other.id}/disabled", {"disabled": True}, who=admin),
        ]
    assert {answer.status for answer in either} <= {200, 201, 503}, [answer.text for answer in either]
    await until(api, 200)
