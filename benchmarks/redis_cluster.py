"""python -m benchmarks.redis_cluster [--repetitions N] [--seconds S]: holds on a Redis Cluster of 3 masters, and of 1.

Beside them a server that is no cluster. All are Debian's redis-server, without replicas and files. The three services
of two workers run at once and are loaded in turn, so that changes of the machine affect all of them alike. A ratio is
computed for each repetition, to the run with one master just before. All runs on one machine: with few cores more
masters cannot give more holds, and the CPU time of the busiest master says how many holds it could have a part in.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.ha.redis_cluster import running_redis_cluster
from tests.ha.redis_nodes import PASSWORD, Node

from .bench import Bench, Plan, say
from .ratios import median, paired_ratios, spread
from .records import BenchmarkFailed, Sample
from .stand import running_stand
from .templates import empty_template
from .versions import BASELINE, ROOT
from .walks import Walk

NO_CLUSTER, ONE, THREE = "one Redis, no cluster", "a cluster of 1 master", "a cluster of 3 masters"
MASTERS = {ONE: 1, THREE: 3}
WORKERS = 2
CONNECTIONS = 64
WARM_UP_S = 2.0
CONFIG = f"""\
bind 127.0.0.1
requirepass {PASSWORD}
save ""
appendonly no
maxmemory-policy noeviction
"""


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a contestant, and the URL that leads to them."""

    url: str
    nodes: list[Node]

    def pids(self) -> dict[str, int]:
        """Each process by the name under which its CPU time is recorded."""
        processes = [node.process for node in self.nodes if node.process is not None]
        return {master(number): process.pid for number, process in enumerate(processes)}

    def check(self) -> None:
        """Each server must have had its part of the holds."""
        for node in self.nodes:
            if not node.answers("DBSIZE"):
                raise BenchmarkFailed(f"the server on port {node.port} has no keys")


@contextmanager
def redis_servers(folder: Path, masters: int) -> Iterator[Servers]:
    """Run a cluster of so many masters; for 0 one server that is no cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    if masters:
        with running_redis_cluster(folder, masters=masters, replicas=0) as cluster:
            yield Servers(cluster.url, [*cluster.nodes])
        return
    node = Node(folder, CONFIG)
    node.start()
    try:
        yield Servers(f"redis://:{PASSWORD}@127.0.0.1:{node.port}/0", [node])
    finally:
        node.stop()


def measure(bench: Bench) -> None:
    """Load the services in turn, and keep a sample of each for each repetition."""
    stand = bench.stand
    template = empty_template(stand)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="redis-", dir=stand.folder)))
        driven = []
        for number, name in enumerate((NO_CLUSTER, ONE, THREE)):
            servers = stack.enter_context(redis_servers(folder / str(number), MASTERS.get(name, 0)))
            walk = Walk(stand, stand.database(f"bench_redis_{number}", template))
            product = bench.product(
                f"product-redis-{number}", database=walk.database, redis_url=servers.url, workers=WORKERS
            )
            driven.append((name, walk, stack.enter_context(product), servers))
        for name, walk, server, _ in driven:
            walk.drive(bench, name, server, "holds", connections=CONNECTIONS, seconds=WARM_UP_S, keep=False)
        for _ in bench.repetitions():
            for name, walk, server, servers in driven:
                stand.further = servers.pids()
                walk.drive(bench, name, server, "holds", connections=CONNECTIONS)
        for *_, servers in driven:
            servers.check()


def master(number: int) -> str:
    """The name of a server in the CPU times."""
    return f"master {number + 1}"


def table(samples: Mapping[str, list[Sample]]) -> str:
    """A row for each contestant: holds a second, and CPU microseconds a hold by process."""
    lines = [
        "| servers | holds a second | / a cluster of 1 master | service, us a hold | PostgreSQL | all masters "
        "| busiest master |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, each in samples.items():
        rates = {contestant: [sample.rate for sample in samples[contestant]] for contestant in (name, ONE)}
        ratios = paired_ratios(rates[name], rates[ONE])
        low, high = spread(ratios)
        redis = [[sample.cpu_us[master(number)] for number in range(MASTERS.get(name, 1))] for sample in each]
        cpu = [
            median([sample.cpu_us["server"] for sample in each]),
            median([sample.cpu_us["postgresql"] for sample in each]),
            median([sum(masters) for masters in redis]),
            median([max(masters) for masters in redis]),
        ]
        cells = " | ".join(f"{us:.0f}" for us in cpu)
        growth = f"{median(ratios):.2f} ({low:.2f} .. {high:.2f})"
        lines.append(f"| {name} | {median(rates[name]):,.0f} | {growth} | {cells} |")
    return "\n".join(lines)


@click.command()
@click.option("--repetitions", type=click.IntRange(1), default=5)
@click.option("--seconds", type=click.FloatRange(1.0), default=5.0)
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(repetitions: int, seconds: float, data_dir: Path) -> None:
    """Measure, and print the table."""
    with running_stand(data_dir.absolute()) as stand:
        bench = Bench(stand, Plan(repetitions, seconds, short=False, product_settings={}, against=BASELINE))
        measure(bench)
        say(f"\n{table(bench.records.samples)}")


if __name__ == "__main__":
    main()
