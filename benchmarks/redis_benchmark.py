"""Runs redis-benchmark on the service's own script for a hold, and reads its output."""

import csv
import io
import math
from urllib.parse import urlsplit

import redis

from reservation.holds.scripts import TAKE

from .bench import Bench, Run
from .processes import finish
from .records import BenchmarkFailed

CLIENTS = 50
SHOWTIMES = 30_000  # also the range of the random seat numbers: so many squared are different keys
SEATS_A_HOLD = 4
TTL_MS = 600_000
RANDOM = "__rand_int__"  # redis-benchmark replaces it by twelve random digits each time
LEAST_TAKEN = 0.97  # two holds may hit the same key by chance


def take_holds(bench: Bench, contestant: str, number: int, *, count: int) -> None:
    """Take so many holds in an empty numbered database, and check that they were taken."""
    url = bench.stand.redis_url(number)
    with redis.Redis.from_url(url) as client:
        sha = str(client.script_load(TAKE.source))
        with client.pipeline(transaction=False) as pipe:
            for show in range(SHOWTIMES):
                pipe.hset(_keys(f"{show:012}")[0], mapping={"version": 1, "layout": 1})
            pipe.execute()

        def run() -> Run:
            output = finish(command(url, sha, count), folder=bench.stand.folder)
            rate, latency_ms = parse(output.text)
            return Run(rate, count, {"redis-benchmark": output.cpu_s}, latency_ms)

        bench.measure(contestant, run)
        keys, expected = client.dbsize(), _keys_after(count)
        if keys < LEAST_TAKEN * expected:
            raise BenchmarkFailed(f"redis-benchmark left {keys} keys after {count} holds, not {expected:.0f}")
        client.flushdb()


def command(url: str, sha: str, count: int) -> list[str]:
    """One hold of four seats of a random showtime, the shape of Holds.take."""
    parts = urlsplit(url)
    keys = [*_keys(RANDOM), *[f"{{{RANDOM}}}:seat:{RANDOM}"] * SEATS_A_HOLD]
    arguments = [f"01900000-0000-7000-8000-{RANDOM}", str(TTL_MS), *[RANDOM] * SEATS_A_HOLD]
    return [
        *("redis-benchmark", "-h", str(parts.hostname), "-p", str(parts.port), "-a", str(parts.password)),
        *("--dbnum", parts.path.lstrip("/"), "-c", str(CLIENTS), "-n", str(count), "-r", str(SHOWTIMES), "--csv"),
        *("EVALSHA", sha, str(len(keys)), *keys, *arguments),
    ]


def _keys_after(count: int) -> float:
    """The number of Redis keys when all holds were taken: maps, sets of held seats, seats."""
    return SHOWTIMES + SHOWTIMES * (1 - math.exp(-count / SHOWTIMES)) + SEATS_A_HOLD * count


def _keys(show: str) -> tuple[str, str]:
    return f"{{{show}}}:map", f"{{{show}}}:held"


def parse(output: str) -> tuple[float, dict[str, float]]:
    """Requests a second, and latencies in ms, from the CSV at the end of its output."""
    lines = [line for line in output.splitlines() if line.startswith('"')]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    if len(rows) != 1:
        raise BenchmarkFailed(f"redis-benchmark ended without a result:\n{output}")
    [row] = rows
    return float(row["rps"]), {"p50": float(row["p50_latency_ms"]), "p99": float(row["p99_latency_ms"])}
