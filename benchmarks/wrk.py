"""Runs wrk with one of the Lua scripts, and reads the line of JSON at the end of its output."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import started
from .records import BenchmarkFailed

SCRIPTS = Path(__file__).parent / "wrk"
MARK = "BENCH "
TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a run of wrk; `counts` are the script's own counters."""

    requests: int
    elapsed_s: float
    bytes_each: float
    latency_ms: Mapping[str, float]
    counts: Mapping[str, int]
    cpu_s: float

    def per_s(self, what: str | None = None) -> float:
        """Requests a second, or one of the script's counters a second."""
        return (self.requests if what is None else self.counts[what]) / self.elapsed_s


def run_wrk(
    script: str,
    url: str,
    *,
    seconds: float,
    connections: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Load:
    """Run until the time or the script's work ends; BenchmarkFailed if any request failed."""
    with started_wrk(
        script, url, seconds=seconds, connections=connections, folder=folder, environment=environment
    ) as end:
        return end()


@contextmanager
def started_wrk(
    script: str,
    url: str,
    *,
    seconds: float,
    connections: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Callable[[], Load]]:
    """Run beside the block; the yielded function waits for its end. One thread: at most one core."""
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", f"{TIMEOUT_S}s"),
        *("-s", str(SCRIPTS / f"{script}.lua"), url),
    ]

    def parsed() -> Load:
        output = end()
        return parse(output.text, cpu_s=output.cpu_s)

    with started(command, folder=folder, environment=environment) as end:
        yield parsed


def parse(output: str, *, cpu_s: float = 0.0) -> Load:
    """Read a script's output; BenchmarkFailed if any request failed."""
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        raise BenchmarkFailed(f"wrk ended without a result:\n{output}")
    found = json.loads(lines[-1].removeprefix(MARK))
    failures = {name: count for name, count in found["errors"].items() if count}
    if failures or not found["requests"]:
        words = ", ".join(f"{count} {name}" for name, count in failures.items()) or "no request was answered"
        raise BenchmarkFailed(f"requests failed: {words}; {found['first_failure'] or 'no answer was kept'}")
    return Load(
        requests=found["requests"],
        elapsed_s=found["elapsed_us"] / 1e6,
        bytes_each=found["bytes"] / found["requests"],
        latency_ms={name: us / 1000 for name, us in found["latency_us"].items()},
        counts=found["counts"],
        cpu_s=cpu_s,
    )
