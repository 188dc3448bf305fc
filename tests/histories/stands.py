"""What a drill runs on: the service with two workers, on embedded servers, or on external ones behind proxies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
from redis.asyncio import Redis

from reservation.dba.audit import Violation, audit
from reservation.embedded import attach
from reservation.embedded.postgresql import running_postgres
from reservation.embedded.processes import processes_in
from reservation.embedded.valkey import running_valkey
from tests.conftest import SECRET, UNLIMITED
from tests.faults.proxy import Proxy
from tests.faults.test_serving import Instance

HOLD_TTL_S = 2
HUNG_S = 5.0  # PostgreSQL needs less to replay what a drill has written
ADMIN = {"email": "admin@example.com", "password": "an-admin-of-the-drills"}
ROOT = Path(__file__).parents[2]
DEBIAN_REDIS = Path("/usr/bin/redis-server")
DEBIAN_POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
SETTINGS = {
    **UNLIMITED,
    "HOLD_TTL_SECONDS": str(HOLD_TTL_S),
    "HOLD_MAX_SECONDS": "6",
    "STATEMENT_TIMEOUT_SECONDS": "2",
    "POOL_WAIT_SECONDS": "2",
    "ACCESS_LOG": "off",
    "ADMIN_EMAIL": ADMIN["email"],
    "ADMIN_PASSWORD": ADMIN["password"],
}


class Stand:
    """A running service and its stores. `tree` is the folder of the package that is run, for mutants another one."""

    name = "embedded"

    def __init__(self, folder: Path, tree: Path = ROOT) -> None:
        self.folder, self.tree = folder, tree
        self.instance: Instance | None = None
        self.postgresql_proxy: Proxy | None = None
        self.redis_proxy: Proxy | None = None
        self._port: int | None = None
        self._hangs_since: float | None = None

    @property
    def base(self) -> str:
        """The service's URL."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def database_url(self) -> str:
        """PostgreSQL's own URL."""
        running = attach(self.folder / "data")
        if running is None:
            raise RuntimeError("the service does not run")
        return running.database_url

    @property
    def redis_url(self) -> str:
        """Redis's own URL."""
        running = attach(self.folder / "data")
        if running is None:
            raise RuntimeError("the service does not run")
        return running.redis_url

    async def start_stores(self) -> None:
        """Start the servers that the service does not start."""

    async def start_service(self) -> None:
        """Start the service, at the same address as before."""
        environment: dict[str, Any] = {**SETTINGS, **self._addresses(), "PYTHONPATH": str(self.tree)}
        self.instance = Instance(self.folder / "data", "--workers", "2", port=self._port, **environment)
        self._port = self.instance.port
        if not await asyncio.to_thread(self.instance.ready):
            raise RuntimeError(self.instance.printed()[-2000:])

    def _addresses(self) -> dict[str, str]:
        return {}

    async def kill_service(self) -> None:
        """Kill the service's first process; its children end with it."""
        if self.instance is not None:
            pids = [self.instance.process.pid, *self.instance.children()]
            self.instance.process.kill()
            await asyncio.to_thread(self.instance.process.wait)
            for pid in pids[1:]:  # one that stands still has not got the signal
                signal_process(pid, signal.SIGCONT)

    async def restart_after_end(self) -> None:
        """Start the service again after it has stopped because a store ended."""
        if self.instance is not None:
            async with asyncio.timeout(60):
                while self.instance.process.poll() is None:
                    await asyncio.sleep(0.05)
        await self.start_service()

    async def mend(self) -> None:
        """Start again what has ended or hangs because of a fault, as an operator would.

        PostgreSQL may end on a full disk; PostgreSQL 18 may also stay without a startup process when recovery failed
        there. It accepts no connection then, also with a disk that has space again, until it is killed.
        """
        titles = {pid: _title(pid) for pid in self.postgresql_pids()}
        if not titles or any("walwriter" in title or "startup" in title for title in titles.values()):
            self._hangs_since = None
        elif self._hangs_since is None:
            self._hangs_since = monotonic()
        elif monotonic() - self._hangs_since > HUNG_S:
            for pid, title in titles.items():
                if not title.startswith("postgres:"):
                    signal_process(pid, signal.SIGKILL)
        if self.instance is not None and self.instance.process.poll() is not None:
            await self.start_service()

    def workers(self) -> list[int]:
        """The pids of the service's workers."""
        return sorted(self.instance.workers()) if self.instance is not None else []

    def postgresql_pids(self) -> list[int]:
        """The pids of PostgreSQL's processes, the first one first."""
        return sorted(processes_in(self._postgresql_folder, "postgres"))

    def redis_pids(self) -> list[int]:
        """The pid of Redis's process."""
        return [*processes_in(self._redis_folder, "valkey-server"), *processes_in(self._redis_folder, "redis-server")]

    @property
    def _postgresql_folder(self) -> Path:
        return self.folder / "data" / "postgres"

    @property
    def _redis_folder(self) -> Path:
        return self.folder / "data" / "valkey"

    async def restart_postgresql(self) -> None:
        """Start PostgreSQL after it was killed; here the service stops and starts with it."""
        await self.restart_after_end()

    async def restart_redis(self, saved: bytes | None = None) -> None:
        """Start Redis after it was killed, with this dump of earlier data."""
        self.put_dump(saved)
        await self.restart_after_end()

    def put_dump(self, saved: bytes | None) -> None:
        """Have Redis start with a dump, or with nothing."""
        dump = self._redis_folder / "dump.rdb"
        dump.unlink(missing_ok=True)
        if saved is not None:
            dump.write_bytes(saved)

    async def redis_dump(self) -> bytes:
        """What Redis has now."""
        async with Redis.from_url(self.redis_url) as client:
            await client.save()
        return (self._redis_folder / "dump.rdb").read_bytes()

    async def audit(self) -> list[Violation]:
        """What `reservation audit` finds now."""
        connection = await asyncpg.connect(self.database_url)
        try:
            async with Redis.from_url(self.redis_url, decode_responses=True) as redis:
                return await audit(connection, redis)
        finally:
            await connection.close()

    async def aclose(self) -> None:
        """Stop all."""
        await self.kill_service()


class ExternalStand(Stand):
    """Debian's PostgreSQL 15 and redis-server, each behind a proxy. `library` is preloaded there, if there is one."""

    name = "external"

    def __init__(self, folder: Path, tree: Path = ROOT, *, programs: tuple[Path, Path] | None = None) -> None:
        super().__init__(folder, tree)
        self._postgresql_bin, self._redis_program = programs or (DEBIAN_POSTGRESQL, DEBIAN_REDIS)
        self._postgresql, self._redis = ExitStack(), ExitStack()
        self._urls = {"postgresql": "", "redis": ""}

    @property
    def database_url(self) -> str:
        return self._urls["postgresql"]

    @property
    def redis_url(self) -> str:
        return self._urls["redis"]

    @property
    def _postgresql_folder(self) -> Path:
        return self.folder / "stores" / "postgres"

    @property
    def _redis_folder(self) -> Path:
        return self.folder / "stores" / "valkey"

    def _addresses(self) -> dict[str, str]:
        if self.postgresql_proxy is None or self.redis_proxy is None:
            raise RuntimeError("the stores do not run")
        redis = f"{self.redis_proxy.url}?socket_timeout=1&socket_connect_timeout=1"
        return {"DATABASE_URL": self.postgresql_proxy.url, "REDIS_URL": redis, "JWT_SECRET": SECRET}

    async def start_stores(self) -> None:
        (self.folder / "stores").mkdir(exist_ok=True)
        await self.restart_postgresql()
        await self.restart_redis()
        self.postgresql_proxy, self.redis_proxy = Proxy(self.database_url), Proxy(self.redis_url)
        await self.postgresql_proxy.open()
        await self.redis_proxy.open()

    async def restart_postgresql(self) -> None:
        self._postgresql.close()
        running = running_postgres(self.folder / "stores", self._postgresql_bin, password="of-the-drill", fast=False)
        self._urls["postgresql"] = self._postgresql.enter_context(running)
        if self.postgresql_proxy is not None:
            self.postgresql_proxy.aim(self.database_url)

    async def restart_redis(self, saved: bytes | None = None) -> None:
        self._redis.close()
        self._redis_folder.mkdir(exist_ok=True)
        self.put_dump(saved)
        running = running_valkey(self.folder / "stores", self._redis_program, password="of-the-drill")
        self._urls["redis"] = self._redis.enter_context(running)
        if self.redis_proxy is not None:
            self.redis_proxy.aim(self.redis_url)

    async def mend(self) -> None:
        if not self.postgresql_pids():
            await self.restart_postgresql()
        if not self.redis_pids():
            await self.restart_redis()
        await super().mend()

    async def aclose(self) -> None:
        await super().aclose()
        for proxy in (self.postgresql_proxy, self.redis_proxy):
            if proxy is not None:
                await proxy.cut()
        self._redis.close()
        self._postgresql.close()


@asynccontextmanager
async def running(stand: Stand) -> AsyncIterator[Stand]:
    """The stand, started, for the duration of the block."""
    try:
        await stand.start_stores()
        await stand.start_service()
        yield stand
    finally:
        await stand.aclose()


def _title(pid: int) -> str:
    """What `ps` shows of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
