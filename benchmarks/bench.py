"""A run: its servers, its options, its records, and the table that it prints."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .proc import tree_cpu_s
from .processes import Server, running_server, tail
from .records import BenchmarkFailed, Records, Sample
from .stand import Stand
from .versions import THIS, Version
from .wrk import Load, run_wrk

PAUSE_S = 0.3
HEADER = f"{'contestant':<44} {'rep':>3} {'per second':>11} {'p50 ms':>8} {'p99 ms':>8}  CPU us a unit"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure: repetitions of everything, and seconds of each run."""

    repetitions: int
    seconds: float
    short: bool
    product_settings: Mapping[str, str]
    against: str


@dataclass(frozen=True, slots=True)
class Run:
    """A load generator's result: units a second and in all, its own CPU seconds, latencies."""

    rate: float
    count: int
    cpu_s: Mapping[str, float]
    latency_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Bench:
    """What a scenario needs."""

    stand: Stand
    plan: Plan
    records: Records = field(default_factory=Records)

    @contextmanager
    def product(
        self,
        name: str,
        *,
        database: str,
        redis_url: str,
        workers: int,
        version: Version = THIS,
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[Server]:
        """Run the service as an operator would: access log on and written to a file."""
        folder = self.stand.folder / "product"
        folder.mkdir(exist_ok=True)
        environment = {
            **self.stand.settings(database_url=self.stand.database_url(database), redis_url=redis_url),
            "ACCESS_LOG": "on",
            # A few customers hold all seats, from one address.
            "MAX_HOLDS_PER_USER": "0",
            "MAX_SEATS_PER_USER_PER_SHOWTIME": "0",
            "HOLDS_PER_MINUTE_PER_ADDRESS": "0",
            "CONNECTIONS_PER_ADDRESS": "0",
            # A closed loop waits for its answers, however long they take; `overload` measures what is refused.
            "QUEUE_DELAY_MS": "10000",
            "MAX_UNCONFIRMED_HOLDS_OF_SEAT": "0",
            "IDEMPOTENCY_KEYS_PER_DAY": "0",
            "STREAMS_PER_ADDRESS": "0",
            "DATA_DIR": str(folder),
            **self.plan.product_settings,
            **version.environment(),
            **(settings or {}),
        }
        command = version.command("serve", "--port", "{port}", "--workers", str(workers))
        with running_server(name, command, folder=folder, environment=environment) as server:
            say(f"  {name}: pid {server.pid}, {workers} worker{'s' * (workers > 1)}, {server.url}")
            yield server

    def drive(
        self,
        contestant: str,
        server: Server,
        script: str,
        *,
        connections: int,
        seconds: float | None = None,
        unit: str | None = None,
        keep: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Load:
        """Load a server with wrk and record the result; a unit is a request, or one of the script's counts."""
        time.sleep(PAUSE_S)
        try:
            with self._metered({"server": server.pid}) as used:
                load = run_wrk(
                    script,
                    server.url,
                    seconds=seconds or self.plan.seconds,
                    connections=connections,
                    folder=self.stand.folder,
                    environment=environment,
                )
        except BenchmarkFailed as failure:
            raise BenchmarkFailed(f"{contestant}: {failure}\n{tail(server.log)}") from failure
        if keep:
            count = load.requests if unit is None else load.counts[unit]
            self._keep(contestant, Run(load.per_s(unit), count, {"wrk": load.cpu_s}, load.latency_ms), used)
        return load

    def measure(self, contestant: str, run: Callable[[], Run], *, pids: Mapping[str, int] | None = None) -> None:
        """Record another load generator's result, and the CPU time of these processes and the stores."""
        time.sleep(PAUSE_S)
        with self._metered(pids or {}) as used:
            done = run()
        self._keep(contestant, done, used)

    def keep(self, contestant: str, sample: Sample) -> None:
        """Record a sample, and print it."""
        self.records.add(contestant, sample)
        cpu = "  ".join(f"{name} {us:.1f}" for name, us in sample.cpu_us.items() if us >= 0.05)
        p50, p99 = (f"{sample.latency_ms[name]:.2f}" if name in sample.latency_ms else "" for name in ("p50", "p99"))
        number = len(self.records.samples[contestant])
        say(f"{contestant:<44} {number:>3} {sample.rate:>11,.0f} {p50:>8} {p99:>8}  {cpu}")

    @contextmanager
    def _metered(self, pids: Mapping[str, int]) -> Iterator[dict[str, float]]:
        """Yield the CPU seconds that process trees and the stores use during the block; filled in at its end."""

        def now() -> dict[str, float]:
            return {**{name: tree_cpu_s(pid) for name, pid in pids.items()}, **self.stand.cpu_s()}

        used: dict[str, float] = {}
        before = now()
        yield used
        used |= {name: after - before[name] for name, after in now().items()}

    def _keep(self, contestant: str, run: Run, used: Mapping[str, float]) -> None:
        if not run.count:
            raise BenchmarkFailed(f"{contestant}: nothing was finished in time")
        cpu_us = {name: seconds / run.count * 1e6 for name, seconds in {**used, **run.cpu_s}.items()}
        self.keep(contestant, Sample(run.rate, run.count, cpu_us, run.latency_ms))

    def repetitions(self, *, at_most: int | None = None) -> Iterator[int]:
        """Yield the number of each repetition, and print the table's head."""
        say(HEADER)
        yield from range(1, min(self.plan.repetitions, at_most or self.plan.repetitions) + 1)

    def write(self, name: str, text: str) -> Path:
        """Write a file for a script to read."""
        path = self.stand.folder / name
        path.write_text(text)
        return path


def say(line: str) -> None:
    """Print a line now, also into a pipe."""
    print(line, flush=True)
