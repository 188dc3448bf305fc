"""python -m benchmarks.capacity [--repetitions N] [--seconds S] [--write]: cycles a second, predicted beside measured.

One worker is measured first, at 64 and at 8 connections. From its CPU time in each process and the size of its batches
follows what a batch costs and what each request in it costs: these, and the number of cores, are the model's only
input. The model (SimPy) is run for 1, 2 and 4 workers, and so is the service. The prediction for one worker is no
proof, since that is measured before; those for 2 and 4 are. CAPACITY.md says what the model assumes; `--write` puts the
table into it.
"""

import os
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import simpy

from .bench import Bench, Plan, say
from .ratios import median
from .records import Sample
from .sections import circumstances, write_section
from .stand import running_stand
from .versions import BASELINE, ROOT
from .workers import CAPACITY, CONNECTIONS, Fleet, contestant, running_fleet

WORKERS = (1, 2, 4)
FEW_CONNECTIONS = 8
REQUESTS_A_CYCLE = 2
BATCH = 64
# Of Linux's scheduler: how long a process keeps its core while others wait, and how far one that slept is let ahead.
SLICE_S, AHEAD_S = 0.001, 0.003
SIMULATED_S, WARM_UP_S = 1.0, 0.25

Event = Generator[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of a process: for each batch, whatever its size, and for each request."""

    batch_s: float
    request_s: float

    @classmethod
    def fitted(cls, small: tuple[float, float], large: tuple[float, float]) -> "Cost":
        """From two measurements of requests in a batch and CPU seconds a request; no part is less than 0."""
        (few, few_s), (many, many_s) = small, large
        batch_s = max(0.0, (few_s - many_s) / (1 / few - 1 / many)) if many > few else 0.0
        batch_s = min(batch_s, many_s * many)
        return cls(batch_s, many_s - batch_s / many)

    def in_us(self) -> str:
        """As text, in microseconds."""
        return f"{self.batch_s * 1e6:.0f} us a batch and {self.request_s * 1e6:.0f} a request"


@dataclass(frozen=True, slots=True)
class Service:
    """What requests cost; the generator, Redis and PostgreSQL's background processes know no batches."""

    worker: Cost
    postgresql: Cost
    redis_s: float
    generator_s: float
    background_s: float = 0.0

    @classmethod
    def of(cls, small: "Measured", large: "Measured") -> "Service":
        """From runs of one worker with small and with large batches."""

        def cost(process: str) -> Cost:
            return Cost.fitted((small.batch, small.request_s(process)), (large.batch, large.request_s(process)))

        return cls(
            cost("server"),
            cost("postgresql"),
            large.request_s("redis"),
            large.request_s("wrk"),
            large.request_s("postgresql background"),
        )

    def in_us(self) -> str:
        """As text, in microseconds of CPU."""
        return (
            f"{self.worker.in_us()} for a worker, {self.postgresql.in_us()} for PostgreSQL, and us a request: Redis "
            f"{self.redis_s * 1e6:.0f}, the generator {self.generator_s * 1e6:.0f}, PostgreSQL's background processes "
            f"{self.background_s * 1e6:.0f}"
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """The runs of one contestant, and the mean size of their batches."""

    samples: Sequence[Sample]
    batch: float

    @classmethod
    def of(cls, fleet: Fleet, name: str) -> "Measured":
        """The median of a contestant."""
        return cls(fleet.bench.records.samples[name], median(fleet.batch_sizes[name]))

    @property
    def rate(self) -> float:
        """Cycles a second."""
        return median([sample.rate for sample in self.samples])

    def request_s(self, process: str) -> float:
        """CPU seconds of a process for each request, half of a cycle."""
        return median([sample.cpu_us[process] for sample in self.samples]) / 1e6 / REQUESTS_A_CYCLE


class Cores:
    """The cores of the machine, for the process that has used least of them so far, as Linux does it."""

    def __init__(self, environment: simpy.Environment, number: int) -> None:
        self.environment = environment
        self.resource = simpy.PriorityResource(environment, number)
        self.least_s = 0.0  # what the process had used that got a core last

    def process(self) -> "Process":
        """A new process."""
        made = Process(self)
        self.environment.process(made.run())
        return made


class Process:
    """A process of the operating system: it does what it is given in turn, on one core at a time."""

    def __init__(self, cores: Cores) -> None:
        self._cores = cores
        self._queue: deque[tuple[float, simpy.Event]] = deque()
        self._wake = cores.environment.event()
        self._used_s = 0.0

    def do(self, seconds: float) -> simpy.Event:
        """Give it work that takes so many seconds of CPU; the event comes when it is done."""
        done = self._cores.environment.event()
        self._queue.append((seconds, done))
        if not self._wake.triggered:
            self._wake.succeed()
        return done

    def run(self) -> Event:
        """Work for ever; a process that has slept may be ahead of the others, but not by more than AHEAD_S."""
        cores = self._cores
        while True:
            if not self._queue:
                self._wake = cores.environment.event()
                yield self._wake
                self._used_s = max(self._used_s, cores.least_s - AHEAD_S)
            with cores.resource.request(priority=round(self._used_s * 1e9)) as core:
                yield core
                cores.least_s = max(cores.least_s, self._used_s)
                yield from self._run_for_a_slice()

    def _run_for_a_slice(self) -> Event:
        left_s = SLICE_S
        while self._queue and left_s > 0:
            seconds, done = self._queue[0]
            spent_s = min(seconds, left_s)
            yield self._cores.environment.timeout(spent_s)
            left_s -= spent_s
            self._used_s += spent_s
            if spent_s == seconds:
                self._queue.popleft()
                done.succeed()
            else:
                self._queue[0] = (seconds - spent_s, done)


class Model:
    """The processes of one machine and the customers of a closed loop, who hold and confirm in turn."""

    def __init__(self, service: Service, *, workers: int, customers: int, cores: int) -> None:
        self.environment = simpy.Environment()
        self.service = service
        self.finished = self.batches = self.batched = 0
        shared = Cores(self.environment, cores)
        self._redis, self._generator, self._background = shared.process(), shared.process(), shared.process()
        self._loops = [shared.process() for _ in range(workers)]
        # A worker has a batch of holds and one of confirms under way at most, each on a connection of its own.
        self._lanes = [[simpy.Store(self.environment) for _ in range(REQUESTS_A_CYCLE)] for _ in range(workers)]
        for loop, lanes in zip(self._loops, self._lanes, strict=True):
            for lane in lanes:
                self.environment.process(self._batches(loop, lane, shared.process()))
        for customer in range(customers):
            self.environment.process(self._customer(customer % workers))

    def run(self) -> tuple[float, float]:
        """Cycles a second after a warm-up, and requests in a batch."""
        self.environment.run(WARM_UP_S)
        self.finished = self.batches = self.batched = 0
        self.environment.run(WARM_UP_S + SIMULATED_S)
        return self.finished / SIMULATED_S / REQUESTS_A_CYCLE, self.batched / max(1, self.batches)

    def _customer(self, worker: int) -> Event:
        service, loop = self.service, self._loops[worker]
        while True:
            for number, lane in enumerate(self._lanes[worker]):
                yield self._generator.do(service.generator_s)
                yield loop.do(service.worker.request_s / 2)  # the request
                if number == 0:  # a hold takes its seats in Redis first
                    yield self._redis.do(service.redis_s)
                written = self.environment.event()
                lane.put(written)
                yield written
                if number == 1:  # the answer does not wait for Redis to be told of a confirm
                    self._redis.do(service.redis_s)
                yield loop.do(service.worker.request_s / 2)  # the answer
                self.finished += 1

    def _batches(self, loop: Process, lane: simpy.Store, backend: Process) -> Event:
        """The batches of one lane: what waits goes with the next one."""
        service = self.service
        while True:
            batch = [(yield lane.get())]
            while lane.items and len(batch) < BATCH:
                batch.append((yield lane.get()))
            yield loop.do(service.worker.batch_s)
            yield backend.do(service.postgresql.batch_s + service.postgresql.request_s * len(batch))
            self._background.do(service.background_s * len(batch))
            self.batches += 1
            self.batched += len(batch)
            for written in batch:
                written.succeed()


def predicted(service: Service, workers: int, *, cores: int) -> tuple[float, float]:
    """Cycles a second of so many workers, and requests in a batch, by the model."""
    return Model(service, workers=workers, customers=CONNECTIONS, cores=cores).run()


def table(fleet: Fleet, cores: int) -> str:
    """What one worker costs, and a row for each number of workers."""
    small = Measured.of(fleet, contestant(1, FEW_CONNECTIONS))
    service = Service.of(small, Measured.of(fleet, contestant(1)))
    lines = [
        f"Input: {service.in_us()}; {cores} cores, {CONNECTIONS} connections.",
        "",
        "| workers | cycles a second, predicted | measured | predicted / measured | batch, predicted | measured |",
        "|---|---|---|---|---|---|",
    ]
    for workers in WORKERS:
        measured = Measured.of(fleet, contestant(workers))
        rate, batch = predicted(service, workers, cores=cores)
        lines.append(
            f"| {workers} | {rate:,.0f} | {measured.rate:,.0f} | {rate / measured.rate:.2f} | {batch:.1f} | "
            f"{measured.batch:.1f} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--repetitions", type=click.IntRange(1), default=5)
@click.option("--seconds", type=click.FloatRange(1.0), default=4.0)
@click.option("--write", "writes", is_flag=True, help="Put the table into CAPACITY.md.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(repetitions: int, seconds: float, writes: bool, data_dir: Path) -> None:
    """Measure, and print predictions beside measurements."""
    load_before = os.getloadavg()[0]
    with running_stand(data_dir.absolute()) as stand:
        bench = Bench(stand, Plan(repetitions, seconds, short=False, product_settings={}, against=BASELINE))
        with running_fleet(bench, WORKERS) as fleet:
            for _ in bench.repetitions():
                fleet.drive(1, FEW_CONNECTIONS)
                for workers in WORKERS:
                    fleet.drive(workers)
        text = f"{circumstances(load_before)}\n\n{table(fleet, len(os.sched_getaffinity(0)))}"
    say(f"\n{text}")
    if writes:
        write_section(CAPACITY, "capacity", text)


if __name__ == "__main__":
    main()
