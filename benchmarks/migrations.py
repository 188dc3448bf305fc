"""python -m benchmarks.migrations [--reservations N]: each migration beside sales, and what the sales waited.

A database of its own gets the schema of the first migration and N reservations (ten million). Then the others are
applied one by one while customers book, in the way of the version before each. The longest wait of a sale for a lock
stands in the report, beside what the migration's header says. `deadlock_timeout` keeps its second: migrations that lock
several tables give up a lock after a fifth of it, before PostgreSQL looks for a deadlock. At the end
`reservation audit` reads everything, and the data is deleted.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg

from reservation.db import migrations as schema
from reservation.embedded import Embedded, embedded_servers

from .bench import say
from .first_release import BEFOREHAND, Filled, fill, write_beforehand
from .sales_beside import APPLICATION, Sales
from .versions import ROOT

FOLDER = ROOT / "migrations"
FIRST = "0001_booking"
PER_SECOND, CUSTOMERS = 20.0, 6
BEFORE_S = 20.0  # sales alone, to compare with
LOOK_S = 0.005
WAITING = """
select l.pid, l.waitstart, extract(epoch from clock_timestamp() - l.waitstart) * 1000,
    l.mode || ' on ' || coalesce(c.relname, l.locktype)
from pg_locks as l inner join pg_stat_activity as a on l.pid = a.pid left join pg_class as c on l.relation = c.oid
where not l.granted and l.waitstart is not null and a.application_name = %s
"""
SETTINGS = {
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
}


@dataclass(slots=True)
class Step:
    """A migration: how long it took, and what the sales beside it saw."""

    name: str
    seconds: float
    statements: int
    failed: int
    longest_ms: float
    longest: str
    waits: int
    lock_ms: float
    lock: str
    header: str


@dataclass(slots=True)
class Outcome:
    """A run: how much data, the machine, and each step."""

    reservations: int
    showtimes: int
    users: int
    server: str
    cpus: int
    began: str
    steps: list[Step]
    audit: str = ""
    remarks: list[str] = field(default_factory=list)
    beforehand: list[str] = field(default_factory=list)  # migrations whose rows were written without sales


class Waits:
    """The sales' waits for locks, looked at every few milliseconds."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._seen: dict[tuple[int, datetime], tuple[float, str]] = {}
        self._stop = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look for the duration of the block."""
        self._seen.clear()
        self._stop.clear()
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def found(self) -> list[tuple[float, str]]:
        """Milliseconds and lock of each wait of the last block."""
        return list(self._seen.values())

    def _look(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(LOOK_S):
                for pid, since, ms, lock in connection.execute(WAITING, [APPLICATION]):
                    self._seen[pid, since] = (float(ms), lock)


def header_of(path: Path) -> str:
    """What a migration's header says of its longest lock, or nothing."""
    lines: list[str] = []
    for line in path.read_text().splitlines():
        if lines and not line.startswith("--"):
            break
        if line.startswith("--"):
            lines.append(line.removeprefix("--").strip())
    found = re.search(r"[Ll]ongest lock(?: is|:) (.*?)\.(?: |$)", " ".join(lines))
    return found.group(1) if found else ""


def step_files() -> list[Path]:
    """The migrations in their order, without those that take one back."""
    return sorted(path for path in FOLDER.glob("*.sql") if not path.name.endswith(".rollback.sql"))


def _copy(path: Path, folder: Path) -> None:
    shutil.copy(path, folder)
    shutil.copy(path.with_suffix(".rollback.sql"), folder)


def save(outcome: Outcome, out: Path) -> None:
    """Write what was measured so far, for --resume and --render."""
    out.with_suffix(".json").write_text(json.dumps(asdict(outcome), indent=1) + "\n")


def load(out: Path) -> Outcome:
    """What `save` wrote."""
    found = json.loads(out.with_suffix(".json").read_text())
    return Outcome(**{**found, "steps": [Step(**step) for step in found["steps"]]})


def migrate(database_url: str, folder: Path, path: Path) -> float:
    """Apply one more migration; gives seconds."""
    _copy(path, folder)
    start = time.monotonic()
    applied = schema.apply(database_url, folder=folder)
    if applied != [path.stem]:
        raise click.ClickException(f"{path.stem}: applied {applied}")
    return time.monotonic() - start


def run(
    servers: Embedded, data_dir: Path, outcome: Outcome | None, reservations: int, beforehand: Sequence[str], out: Path
) -> Outcome:
    """Fill, or go on where an interrupted run was; migrate beside sales; audit.

    What is measured is also written into a file after each step.
    """
    with tempfile.TemporaryDirectory(dir=data_dir) as scratch:
        folder = Path(scratch)
        if outcome is None:
            migrate(servers.database_url, folder, step_files()[0])
            outcome = _outcome(servers.database_url, fill(servers.database_url, reservations, say))
        else:
            for path in [path for path in step_files() if path.stem in {FIRST, *(step.name for step in outcome.steps)}]:
                _copy(path, folder)
        outcome.beforehand = sorted({*outcome.beforehand, *beforehand})
        waits = Waits(servers.database_url)
        if not outcome.steps:
            with _selling(servers.database_url, outcome) as sales, waits.watched():
                sales.take()
                time.sleep(BEFORE_S)
            outcome.steps.append(_step("sales alone", BEFORE_S, "", sales, waits))
        done = {FIRST, *(step.name for step in outcome.steps)}
        for path in [path for path in step_files() if path.stem not in done]:
            if path.stem in outcome.beforehand:
                write_beforehand(servers.database_url, path.stem)
            with _selling(servers.database_url, outcome) as sales, waits.watched():
                sales.take()
                seconds = migrate(servers.database_url, folder, path)
                time.sleep(1)  # what waited for the end of the migration is through
                outcome.steps.append(_step(path.stem, seconds, header_of(path), sales, waits))
            save(outcome, out)
            say(f"{path.stem}: {outcome.steps[-1]}")
            for error in sorted(set(sales.errors)):
                say(f"failed: {error}")
    outcome.audit = audit(servers)
    return outcome


@contextmanager
def _selling(database_url: str, outcome: Outcome) -> Iterator[Sales]:
    """Sales in the way of the version before the next migration, from a second before the block on."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from reservations where created_at > now() - interval '12 hours'")
        sold = row.fetchone()
    filled = Filled(outcome.reservations, outcome.showtimes, outcome.users)
    sales = Sales(database_url, filled, per_second=PER_SECOND, customers=CUSTOMERS, sold=int(sold[0]) if sold else 0)
    newest = outcome.steps[-1].name if outcome.steps else FIRST
    sales.arrays = "0014" <= newest < "s"
    sales.says_who_cancels = "0019" <= newest < "s"
    with sales.running():
        time.sleep(1)
        yield sales


def _step(name: str, seconds: float, header: str, sales: Sales, waits: Waits) -> Step:
    seen, found = sales.take(), waits.found()
    lock_ms, lock = max(found, default=(0.0, ""))
    return Step(
        name, seconds, seen.statements, seen.failed, seen.longest_ms, seen.longest, len(found), lock_ms, lock, header
    )


def _outcome(database_url: str, filled: Filled) -> Outcome:
    with psycopg.connect(database_url) as connection:
        [(server,)] = connection.execute("show server_version").fetchall()
    began = datetime.now(UTC).date().isoformat()
    return Outcome(filled.reservations, filled.showtimes, filled.users, server, os.cpu_count() or 1, began, [])


def audit(servers: Embedded) -> str:
    """The last line of `reservation audit`; its status must be 0."""
    environment = os.environ | {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    environment |= {"JWT_SECRET": servers.jwt_secret, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "reservation", "audit"], env=environment, check=False, capture_output=True, text=True
    )
    say(done.stdout + done.stderr)
    return f"exit status {done.returncode}: {(done.stdout.strip().splitlines() or ['no output'])[-1]}"


def report(outcome: Outcome) -> str:
    """The page, in Markdown."""
    worst = max(outcome.steps[1:], key=lambda step: step.lock_ms)
    total_s = sum(step.seconds for step in outcome.steps[1:])
    failed = sum(step.failed for step in outcome.steps)
    lines = [
        "# Migrations beside sales",
        "",
        f"`python -m benchmarks.migrations` on {outcome.began}: {outcome.reservations:,} reservations of two seats, "
        f"{outcome.showtimes:,} showtimes, {outcome.users:,} accounts; PostgreSQL {outcome.server} with 256 MB of "
        f"shared buffers on {outcome.cpus} CPUs, which other work used as well.",
        f"The migrations after {FIRST} took {total_s / 60:.0f} minutes beside {PER_SECOND:.0f} bookings a second (an "
        "account, a showtime and a seat map are read; a hold, a confirm, and every fourth time a cancel are written). "
        f"Statements of sales that failed: {failed}. The longest wait for a lock was {worst.lock_ms:.0f} ms "
        f"({worst.name}). `reservation audit` at the end: {outcome.audit}.",
        *_not_measured(outcome),
        "",
        "*Longest wait* is a sale's wait for a lock, as `pg_locks` shows it every 5 ms; *longest statement* that of a",
        "sale, as the client sees it: waits for locks, the disk and a CPU. The first row has sales without a migration",
        "beside them.",
        *outcome.remarks,
        "",
        "| migration | seconds | statements of sales | waits for locks | longest wait, ms | longest statement, ms | "
        "longest lock by its header |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for step in outcome.steps:
        wait = f"{step.lock_ms:.0f} ({step.lock})" if step.waits else "none seen"
        lines.append(
            f"| {step.name} | {step.seconds:.1f} | {step.statements:,} | {step.waits} | {wait} | "
            f"{step.longest_ms:.0f} ({step.longest}) | {step.header} |"
        )
    return "\n".join(lines) + "\n"


def _not_measured(outcome: Outcome) -> list[str]:
    if not outcome.beforehand:
        return []
    return [
        f"Before {' and '.join(outcome.beforehand)} the older rows were written without sales: the locks of "
        f"{'these' if len(outcome.beforehand) > 1 else 'this'} were measured, not how long all rows take."
    ]


@contextmanager
def servers_in(data_dir: Path, *, empty: bool) -> Iterator[Embedded]:
    """Servers as durable as in production on a folder, which is deleted at the end, but kept after a failure."""
    if empty:
        shutil.rmtree(data_dir, ignore_errors=True)
    data_dir.mkdir(parents=True, exist_ok=True)
    with embedded_servers(data_dir) as servers:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(f"alter system set {name} = '{value}'".encode())
            connection.execute("select pg_reload_conf()")
        yield servers
    shutil.rmtree(data_dir, ignore_errors=True)


@click.command(help=__doc__)
@click.option("--reservations", type=click.IntRange(min=1), default=10_000_000, show_default=True)
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench-migrations")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "MIGRATIONS.md")
@click.option(
    "--resume", is_flag=True, help="Go on with the data that a failed run has left, after the last step of its JSON."
)
@click.option(
    "--beforehand",
    multiple=True,
    type=click.Choice(sorted(BEFOREHAND)),
    help="Write the rows of this migration before it, without sales: its locks are measured, not how long it takes.",
)
@click.option("--render", is_flag=True, help="Only write the page, from the JSON beside it.")
def main(
    *, reservations: int, data_dir: Path, out: Path, resume: bool, beforehand: Sequence[str], render: bool
) -> None:
    """Measure, and write the page."""
    outcome = load(out) if resume or render else None
    if not render:
        with servers_in(data_dir, empty=not resume) as servers:
            outcome = run(servers, data_dir, outcome, reservations, beforehand, out)
            save(outcome, out)
    if outcome is not None:
        out.write_text(report(outcome))


if __name__ == "__main__":
    main()
