"""Runs pgbench on the plain confirm transaction, and reads what it prints."""

import re
import shutil
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from reservation.embedded.binaries import postgres_programs

from .bench import Bench, Run
from .processes import finish
from .records import BenchmarkFailed

PEERS = Path(__file__).parent / "peers"
CLIENTS = 8


def program() -> Path | None:
    """Find pgbench: beside the PostgreSQL that is embedded, or the system's."""
    beside, systems = postgres_programs(None) / "pgbench", shutil.which("pgbench")
    return beside if beside.is_file() else Path(systems) if systems else None


def prepare_held(bench: Bench, database: str, *, first: int, count: int) -> None:
    """Write held reservations of four seats, numbered from `first`, for pgbench to confirm."""
    with bench.stand.connect(database) as connection:
        connection.execute((PEERS / "held.sql").read_text().encode(), {"first": first, "count": count})
        connection.execute("vacuum (analyze) reservations, booked_seats")
    bench.stand.checkpoint()


def confirm_held(bench: Bench, contestant: str, database: str, *, first: int, count: int) -> None:
    """Confirm all of them by the plain transaction, and check that all are confirmed."""
    bench.measure(contestant, partial(_run, bench, database, first, count // CLIENTS))
    with bench.stand.connect(database) as connection:
        row = connection.execute(
            "select count(distinct r.id), count(b.seat_id) from reservations as r "
            "inner join booked_seats as b on r.id = b.reservation_id where r.status = 'confirmed'"
        ).fetchone()
    confirmed = first + count
    if row != (confirmed, 4 * confirmed):
        raise BenchmarkFailed(f"pgbench confirmed {row} reservations and seats instead of {confirmed}")


def _run(bench: Bench, database: str, first: int, transactions: int) -> Run:
    url = urlsplit(bench.stand.database_url(database))
    command: list[str | Path] = [
        program() or "pgbench",
        *("--client", str(CLIENTS), "--jobs", "1", "--protocol", "prepared", "--no-vacuum"),
        *("--transactions", str(transactions), "-D", f"clients={CLIENTS}", "-D", f"first={first}", "-D", "n=0"),
        *("--file", PEERS / "confirm.pgbench"),
        url._replace(netloc=f"{url.username}@{url.hostname}:{url.port}").geturl(),
    ]
    output = finish(command, folder=bench.stand.folder, environment={"PGPASSWORD": url.password or ""})
    tps, latency_ms = parse(output.text, expected=transactions * CLIENTS)
    return Run(tps, transactions * CLIENTS, {"pgbench": output.cpu_s}, {"mean": latency_ms})


def parse(output: str, *, expected: int) -> tuple[float, float]:
    """Transactions a second and the mean latency in ms; BenchmarkFailed unless all were carried out."""
    found = {
        name: re.search(pattern, output)
        for name, pattern in (
            ("done", r"transactions actually processed: (\d+)"),
            ("latency", r"latency average = ([\d.]+) ms"),
            ("tps", r"tps = ([\d.]+)"),
        )
    }
    done, latency, tps = found["done"], found["latency"], found["tps"]
    if done is None or latency is None or tps is None or int(done[1]) != expected:
        raise BenchmarkFailed(f"pgbench did not carry out {expected} transactions:\n{output}")
    return float(tps[1]), float(latency[1])
