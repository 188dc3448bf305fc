"""From a hold's answer to its event: with thousands of viewers of one showtime on one worker, and with one."""

import json
import sys
import time
import urllib.request
from math import ceil
from pathlib import Path

from ..bench import Bench, Run
from ..processes import Server, get, started, tail
from ..ratios import median
from ..records import BenchmarkFailed, Figure
from ..templates import empty_template

WORKERS = 1
ONE, MANY = 1, 5_000
HOLDS = 5
MAX_REPETITIONS = 3
PAUSE_S = 0.7  # between two holds, so that each has its own event
READY_WAIT_S = 90.0
CONTESTANTS = {ONE: "live map, 1 viewer", MANY: f"live map, {MANY:,} viewers"}


def run(bench: Bench) -> None:
    """Hold seats one by one while one, then thousands follow the map; each time another showtime."""
    stand = bench.stand
    database = stand.database("bench_live", empty_template(stand))
    token = stand.tokens(database).read_text().split()[1]
    lines = stand.seats(database).read_text().splitlines()
    shows = (line.split()[1] for line in lines if line.startswith("show"))
    with bench.product("product-live", database=database, redis_url=stand.redis_url(0), workers=WORKERS) as server:
        for _ in bench.repetitions(at_most=MAX_REPETITIONS):
            for viewers, name in CONTESTANTS.items():
                follow(bench, server, token, name, viewers, next(shows))
    p50 = {
        viewers: [sample.latency_ms["p50"] for sample in bench.records.samples[name]]
        for viewers, name in CONTESTANTS.items()
    }
    added = [many - one for one, many in zip(p50[ONE], p50[MANY], strict=True)]
    title = f"p50 from a hold's answer to its event that {MANY:,} viewers on one worker add to that of one"
    bench.records.figures.append(Figure(title, "latency", 100, 50, added))


def follow(bench: Bench, server: Server, token: str, contestant: str, viewers: int, show: str) -> None:
    """Follow a showtime's map with so many viewers, hold seats one by one, and record the time to their events."""
    bench.measure(contestant, lambda: _follow(bench, server, token, viewers, show), pids={"server": server.pid})


def _follow(bench: Bench, server: Server, token: str, viewers: int, show: str) -> Run:
    path = f"{server.url}/showtimes/{show}"
    seats = [seat["id"] for seat in json.loads(get(f"{path}/seats")[1])["seats"] if seat["status"] == "available"]
    ready = bench.stand.folder / "viewers.ready"
    ready.unlink(missing_ok=True)
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.viewers", f"{path}/events"]
    command += [str(viewers), str(HOLDS), ready]
    with started(command, folder=bench.stand.folder) as end:
        _wait_for(ready, server)
        answered = []
        for seat_id in seats[-HOLDS:]:
            time.sleep(PAUSE_S)
            answered.append(_hold(f"{path}/holds", token, seat_id))
        output = end()
    ready.unlink()
    arrivals: list[list[float]] = json.loads(output.text)
    # An event may arrive before the answer: Redis publishes a hold before PostgreSQL has it.
    delays = sorted(
        (moment - answer) * 1000 for answer, each in zip(answered, arrivals, strict=True) for moment in each
    )
    latency_ms = {"p50": median(delays), "p99": delays[ceil(0.99 * len(delays)) - 1]}
    return Run(viewers / PAUSE_S, len(delays), {"viewers": output.cpu_s}, latency_ms)


def _wait_for(ready: Path, server: Server) -> None:
    deadline = time.monotonic() + READY_WAIT_S
    while not ready.exists():
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"the viewers did not get their map\n{tail(server.log)}")
        time.sleep(0.05)


def _hold(url: str, token: str, seat_id: int) -> float:
    """Hold a seat; return the time of the answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"seat_ids": [seat_id]}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
        answer.read()
    return time.monotonic()
