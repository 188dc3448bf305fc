"""python -m benchmarks.capacity [--repetitions N] [--seconds S]: cycles a second, predicted beside measured.

One worker is measured first. Its CPU time a cycle in each process is the model's only input, with the number of cores.
The model (SimPy): customers without pause, each of whom sends a hold and a confirm. A request needs its worker, which
runs one thing at a time; PostgreSQL serves a batch of all that wait for it in a worker at once; Redis runs one command
at a time. All of them and the generator need a core while they run. The model is run for 1, 2 and 4 workers, and so is
the service. The prediction for one worker is no proof, since that is measured before; those for 2 and 4 are.
"""

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import simpy

from . import workers as by_workers
from .bench import Bench, Plan, say
from .ratios import median
from .stand import running_stand
from .versions import BASELINE, ROOT

WORKERS = (1, 2, 4)
REQUESTS_A_CYCLE = 2
BATCH = 64
SIMULATED_S, WARM_UP_S = 2.0, 0.5

Event = Generator[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Service:
    """CPU seconds that a request (half of a cycle) takes in each process."""

    worker_s: float
    postgresql_s: float
    redis_s: float
    generator_s: float

    @classmethod
    def of(cls, cpu_us: Mapping[str, float]) -> "Service":
        """From CPU microseconds a cycle by process, as a run of the benchmarks measures them."""
        names = ("server", "postgresql", "redis", "wrk")
        return cls(*(cpu_us[name] / 1e6 / REQUESTS_A_CYCLE for name in names))


class Model:
    """The processes of one machine and the customers of a closed loop."""

    def __init__(self, service: Service, *, workers: int, customers: int, cores: int) -> None:
        self.environment = simpy.Environment()
        self.service = service
        self.finished = 0
        self._cores = simpy.Resource(self.environment, cores)
        self._redis = simpy.Resource(self.environment, 1)
        self._generator = simpy.Resource(self.environment, 1)
        self._loops = [simpy.Resource(self.environment, 1) for _ in range(workers)]
        self._queues: list[list[simpy.Event]] = [[] for _ in range(workers)]
        self._wakes = [self.environment.event() for _ in range(workers)]
        for worker in range(workers):
            self.environment.process(self._batches(worker))
        for customer in range(customers):
            self.environment.process(self._customer(customer % workers))

    def run(self) -> float:
        """Cycles a second after a warm-up."""
        self.environment.run(WARM_UP_S)
        before = self.finished
        self.environment.run(WARM_UP_S + SIMULATED_S)
        return (self.finished - before) / SIMULATED_S / REQUESTS_A_CYCLE

    def _customer(self, worker: int) -> Event:
        service = self.service
        while True:
            yield from self._work(self._generator, service.generator_s)
            yield from self._work(self._loops[worker], service.worker_s / 2)  # before the stores
            yield from self._work(self._redis, service.redis_s)
            written = self.environment.event()
            self._queues[worker].append(written)
            if not self._wakes[worker].triggered:
                self._wakes[worker].succeed()
            yield written
            yield from self._work(self._loops[worker], service.worker_s / 2)  # the answer
            self.finished += 1

    def _batches(self, worker: int) -> Event:
        """PostgreSQL's backend for one worker: what waits goes with the next batch."""
        while True:
            if not self._queues[worker]:
                self._wakes[worker] = self.environment.event()
                yield self._wakes[worker]
            batch, self._queues[worker] = self._queues[worker][:BATCH], self._queues[worker][BATCH:]
            with self._cores.request() as core:
                yield core
                yield self.environment.timeout(self.service.postgresql_s * len(batch))
            for written in batch:
                written.succeed()

    def _work(self, process: simpy.Resource, seconds: float) -> Event:
        """Run in one process, on one core."""
        with process.request() as turn:
            yield turn
            with self._cores.request() as core:
                yield core
                yield self.environment.timeout(seconds)


def predicted(service: Service, workers: int, *, cores: int) -> float:
    """Cycles a second of so many workers, by the model."""
    return Model(service, workers=workers, customers=by_workers.CONNECTIONS, cores=cores).run()


def table(bench: Bench, cores: int) -> str:
    """A row for each number of workers."""
    one = bench.records.samples[by_workers.contestant(1)]
    service = Service.of({name: median([sample.cpu_us[name] for sample in one]) for name in one[0].cpu_us})
    lines = [
        "| workers | cycles a second, predicted | measured | predicted / measured |",
        "|---|---|---|---|",
    ]
    for workers in WORKERS:
        measured = median([sample.rate for sample in bench.records.samples[by_workers.contestant(workers)]])
        rate = predicted(service, workers, cores=cores)
        lines.append(f"| {workers} | {rate:,.0f} | {measured:,.0f} | {rate / measured:.2f} |")
    return "\n".join(lines)


@click.command()
@click.option("--repetitions", type=click.IntRange(1), default=5)
@click.option("--seconds", type=click.FloatRange(1.0), default=5.0)
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(repetitions: int, seconds: float, data_dir: Path) -> None:
    """Measure, and print predictions beside measurements, and CPU time a cycle."""
    with running_stand(data_dir.absolute()) as stand:
        bench = Bench(stand, Plan(repetitions, seconds, short=False, product_settings={}, against=BASELINE))
        by_workers.measure(bench)
        say(f"\n{table(bench, len(os.sched_getaffinity(0)))}\n\n{by_workers.table(bench)}")


if __name__ == "__main__":
    main()
