"""Two instances behind HAProxy are restarted, and upgraded, one after the other; no request of a customer fails."""

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import SECRET, UNLIMITED
from tests.ha.costs import Cost, RecordCost
from tests.ha.customers import Sales, buying
from tests.ha.haproxy import ROOT, Balancer, Instance, balancing, run, wait_until
from tests.ports import free_port
from tests.programs import missing

SERVERS = ("instance_1", "instance_2")


@pytest.fixture
def variables(empty_database_url: str, redis_url: str, tmp_path: Path) -> Mapping[str, str]:
    """The settings of both instances, on an empty database; the delay is that of instances.cfg."""
    return {
        **UNLIMITED,
        "DATABASE_URL": empty_database_url,
        "REDIS_URL": redis_url,
        "JWT_SECRET": SECRET,
        "TRUSTED_PROXIES": "127.0.0.1",
        "ACCESS_LOG": "off",
        "STOP_DELAY_SECONDS": "4",
        "DATA_DIR": str(tmp_path / "data"),
    }


def version_before(folder: Path) -> Path | None:
    """The files of the commit before the last one with a migration; None where the history does not have it."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return None
    found = subprocess.run(
        [git, "-C", str(ROOT), "log", "-1", "--format=%P", "--", "migrations"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    if not found:
        return None
    archive = subprocess.run([git, "-C", str(ROOT), "archive", found[0]], capture_output=True, check=True).stdout
    tree = folder / "old"
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    return tree


@dataclass(slots=True)
class Site:
    """Two instances behind a balancer, and the customers' sales through it."""

    balancer: Balancer
    instances: list[Instance]
    sales: Sales

    async def replace(self, number: int, tree: Path) -> None:
        """Stop one instance, start it from a tree, and wait until the balancer uses it again; sales go on throughout.

        HAProxy leaves an instance at SIGTERM while it still serves, and sends what it gets to the other one.
        """
        stopping = asyncio.create_task(asyncio.to_thread(self.instances[number].stop))
        await asyncio.to_thread(wait_until, lambda: not self.balancer.is_up(SERVERS[number]), "it did not go down")
        process = self.instances[number].process
        assert process is not None
        assert process.poll() is None  # it serves until its delay ends
        assert self.balancer.is_up(SERVERS[1 - number])
        await self.sales.more()
        await stopping
        self.instances[number].start(tree)
        await asyncio.to_thread(wait_until, lambda: self.balancer.is_up(SERVERS[number]), "it did not come up")
        await self.sales.more()


@asynccontextmanager
async def site(variables: Mapping[str, str], folder: Path, sockets: Path, tree: Path) -> AsyncIterator[Site]:
    """Run two instances of a tree, HAProxy and the customers for the duration of the block."""
    run(tree, folder, variables, "migrate")
    run(tree, folder, variables, "seed", "demo")
    instances = [Instance(name, free_port(), folder, variables) for name in SERVERS]
    with ExitStack() as stack:
        balancer = stack.enter_context(balancing(folder, sockets, free_port(), (instances[0].port, instances[1].port)))
        for instance in instances:
            stack.callback(instance.kill)
            instance.start(tree)
        await asyncio.to_thread(wait_until, lambda: all(map(balancer.is_up, SERVERS)), "they did not come up")
        async with buying(f"http://127.0.0.1:{balancer.port}") as sales:
            await sales.more()
            yield Site(balancer, instances, sales)
            await sales.more()


def recorder(record_cost: RecordCost, fault: str, kills: int) -> Callable[[int, int], None]:
    """Adds a row; how often a seat was sold is not looked for, since these customers do not want the same seats."""
    return lambda acknowledged, lost: record_cost(Cost(fault, kills, acknowledged, lost, None))


async def check(sales: Sales, variables: Mapping[str, str], folder: Path, record: Callable[[int, int], None]) -> None:
    """Assert that no request failed, that every sale which was kept is there, and that the audit finds nothing.

    `record` gets how many confirms were acknowledged, and how many sales lost.
    """
    connection = await asyncpg.connect(variables["DATABASE_URL"])
    rows = await connection.fetch(
        "select reservation_id, array_agg(seat_id order by seat_id) as seats from booked_seats "
        "where reservation_id is not null group by reservation_id"
    )
    await connection.close()
    sold = {row["reservation_id"]: row["seats"] for row in rows}
    kept = {UUID(name): sorted(seats) for name, seats in sales.kept.items()}
    record(sales.done["confirm"], len(kept.keys() - sold.keys()))
    assert sales.failures == []
    assert sold == kept
    await asyncio.to_thread(run, ROOT, folder, variables, "audit")


async def test_a_rolling_upgrade_and_restart_behind_haproxy_fail_no_request(
    variables: Mapping[str, str], tmp_path: Path, socket_folder: Path, record_cost: RecordCost
) -> None:
    """The schema is migrated under the old version; both versions sell side by side, then the new one, which restarts.

    Without the history there is no old version: then all are restarts of this one.
    """
    old_tree = version_before(tmp_path)
    if old_tree is None and os.environ.get("HA_REQUIRED") == "yes":
        missing("the version before cannot be had: git, or the history is missing (git fetch --unshallow)")
    async with site(variables, tmp_path, socket_folder, old_tree or ROOT) as running:
        await asyncio.to_thread(run, ROOT, tmp_path, variables, "migrate")
        await running.sales.more()
        for number in (0, 1, 0):
            await running.replace(number, ROOT)
    await check(
        running.sales, variables, tmp_path, recorder(record_cost, "instances are upgraded and restarted in turn", 3)
    )
