"""Debian's redis-server as master and replicas, with three Sentinels that watch them."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from reservation.embedded.processes import ChildServer
from reservation.holds.connection import RUN_KEY
from tests.ports import free_port
from tests.programs import program

PROGRAM = "redis-server"
PASSWORD, SERVICE = "of-the-tests", "cinema"
DOWN_AFTER_MS, QUORUM = 1000, 2
REPLICAS = SENTINELS = 3
START_S, ELECTION_S, POLL_S, ANSWER_S = 60.0, 60.0, 0.02, 2.0
# A master without a replica refuses to write: two of them do not both take holds for long.
SERVER = f"""\
bind 127.0.0.1
requirepass {PASSWORD}
masterauth {PASSWORD}
save ""
appendonly no
maxmemory-policy noeviction
min-replicas-to-write 1
min-replicas-max-lag 2
repl-diskless-sync-delay 0
"""


class Node:
    """A server of redis-server, in a folder of its own; `arguments` follow the name of its configuration."""

    def __init__(self, folder: Path, config: str, *arguments: str) -> None:
        self.port = free_port()
        self._folder, self._arguments = folder / str(self.port), arguments
        self._folder.mkdir()
        (self._folder / "redis.conf").write_text(f"port {self.port}\n{config}")
        self.process: ChildServer | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.launch()
        until(lambda: self.answers("PING") is not None, START_S)

    def launch(self) -> None:
        """Start it, without waiting for its answers; from the main thread, as ChildServer says."""
        self.process = ChildServer(
            [Path(shutil.which(PROGRAM) or PROGRAM), "redis.conf", *self._arguments],
            name=PROGRAM,
            stop_signals=(signal.SIGTERM,),
            patience_s=5.0,
            log=self._folder / "redis.log",
            cwd=self._folder,
        )

    def client(self, timeout_s: float = ANSWER_S) -> "Redis":
        """A client of this server alone."""
        password = None if "--sentinel" in self._arguments else PASSWORD
        return Redis(port=self.port, password=password, socket_timeout=timeout_s, decode_responses=True)

    def answers(self, *words: str | int, timeout_s: float = ANSWER_S) -> object:
        """The reply to a command; None if there is none."""
        with suppress(RedisError), self.client(timeout_s) as client:
            return client.execute_command(*words)
        return None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to its process; the end of one that is killed is waited for."""
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait(5)

    def stop(self) -> None:
        """End it at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)


class SentinelStand:
    """Three servers and three Sentinels; any of the servers may be the master."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.servers = [Node(folder, SERVER) for _ in range(REPLICAS)]
        first = self.servers[0]
        for server in self.servers:
            stack.callback(server.stop)
            server.start()
            if server is not first:
                server.answers("REPLICAOF", "127.0.0.1", str(first.port))
        until(lambda: self.replicas_of(first) == REPLICAS - 1, START_S)
        config = f"""\
bind 127.0.0.1
sentinel monitor {SERVICE} 127.0.0.1 {first.port} {QUORUM}
sentinel auth-pass {SERVICE} {PASSWORD}
sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}
sentinel failover-timeout {SERVICE} 5000
"""
        self.sentinels = [Node(folder, config, "--sentinel") for _ in range(SENTINELS)]
        for sentinel in self.sentinels:
            stack.callback(sentinel.stop)
            sentinel.start()
        until(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels), START_S)

    @property
    def url(self) -> str:
        """The REDIS_URL of the service."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}?db=0"

    def replicas_of(self, server: Node) -> int:
        """How many replicas it has that are in step."""
        info = server.answers("INFO", "replication")
        return int(info["min_slaves_good_slaves"]) if isinstance(info, dict) else 0

    def master(self) -> Node:
        """The master, as the first Sentinel says."""
        found = self.sentinels[0].answers("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        assert isinstance(found, list | tuple)
        return next(server for server in self.servers if server.port == int(found[1]))

    def master_of_key(self, _: str) -> Node:
        """The master that has a key: all keys are on one."""
        return self.master()

    def wait_until_replaced(self, _: str, old: Node) -> None:
        """Wait until Sentinel names another master than the old one."""
        self.wait_for_election(old)

    def fail_over(self, _: Node) -> None:
        """Have another master elected, as an operator does."""
        until(lambda: self.sentinels[0].answers("SENTINEL", "FAILOVER", SERVICE) in ("OK", True), ELECTION_S)

    def until_healthy(self) -> None:
        """Wait until all other servers are replicas of the master, in step."""
        until(lambda: self.replicas_of(self.master()) == REPLICAS - 1, ELECTION_S)

    def watch_another(self) -> None:
        """Have all Sentinels name another server as master; the old one knows nothing of that, and takes writes."""
        new = self.servers[1]
        new.answers("REPLICAOF", "NO", "ONE")
        self.servers[2].answers("REPLICAOF", "127.0.0.1", str(new.port))
        self.servers[0].answers("CONFIG", "SET", "min-replicas-to-write", "0")
        for sentinel in self.sentinels:
            sentinel.answers("SENTINEL", "REMOVE", SERVICE)
            sentinel.answers("SENTINEL", "MONITOR", SERVICE, "127.0.0.1", str(new.port), str(QUORUM))
            sentinel.answers("SENTINEL", "SET", SERVICE, "auth-pass", PASSWORD)

    def wait_for_election(self, old: Node) -> float:
        """Wait until Sentinel names another master; gives the time of that on the monotonic clock."""
        until(lambda: self.master() is not old, ELECTION_S)
        return time.monotonic()

    def wait_until_used(self) -> float:
        """Wait until a worker has begun to use the master; gives the time of that on the monotonic clock."""
        master = self.master()

        def is_used() -> bool:
            info = master.answers("INFO", "server")
            return isinstance(info, dict) and str(master.answers("GET", RUN_KEY)).startswith(str(info["run_id"]))

        until(is_used, ELECTION_S)
        return time.monotonic()

    def _knows_all(self, sentinel: Node) -> bool:
        state = sentinel.answers("SENTINEL", "MASTER", SERVICE)
        return (
            isinstance(state, dict)
            and int(state["num-other-sentinels"]) == SENTINELS - 1
            and int(state["num-slaves"]) == REPLICAS - 1
        )


@contextmanager
def running_sentinels(folder: Path) -> Iterator[SentinelStand]:
    """Run all of them for the duration of the block."""
    program(PROGRAM, package="redis-server")
    with ExitStack() as stack:
        yield SentinelStand(folder, stack)


def until(condition: Callable[[], bool], patience_s: float) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(POLL_S)
