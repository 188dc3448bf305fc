"""Debian's redis-server as Redis Cluster: three masters, each with a replica."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.ha.redis_nodes import ELECTION_S, PASSWORD, PROGRAM, START_S, Node, until
from tests.ports import free_port
from tests.programs import program

MASTERS = 3
NODE_TIMEOUT_MS = 2000  # a master that does not answer for so long is replaced
MIGRATE_TIMEOUT_MS = 5000
A_BATCH = 100  # keys
UNUSABLE = frozenset({"fail", "fail?", "noaddr", "handshake"})
# The other masters go on while one has no successor yet. Without an election by a majority no replica takes writes.
SERVER = f"""\
bind 127.0.0.1
requirepass {PASSWORD}
masterauth {PASSWORD}
save ""
appendonly no
maxmemory-policy noeviction
cluster-enabled yes
cluster-node-timeout {NODE_TIMEOUT_MS}
cluster-require-full-coverage no
repl-diskless-sync-delay 0
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A line of CLUSTER NODES: a server as another one sees it; `slots` are ranges, both ends included."""

    id: str
    port: int
    flags: frozenset[str]
    master_id: str
    is_linked: bool
    slots: tuple[tuple[int, int], ...]

    @property
    def is_master(self) -> bool:
        """Whether it is a master that has not failed."""
        return "master" in self.flags and not self.flags & UNUSABLE

    def has(self, slot: int) -> bool:
        """Whether it serves a slot."""
        return self.is_master and any(first <= slot <= last for first, last in self.slots)


class ClusterNode(Node):
    """A server of the cluster; it keeps its id when it starts again."""

    def __init__(self, folder: Path) -> None:
        self.bus_port = free_port()
        super().__init__(folder, f"{SERVER}cluster-port {self.bus_port}\n")
        self.id = ""

    def do(self, *words: str | int) -> None:
        """Run a command that must succeed."""
        answer = self.answers(*words, timeout_s=START_S)
        assert answer == "OK", f"{words}: {answer}"

    def members(self) -> list[Member]:
        """All servers as this one sees them; empty if it does not answer."""
        lines = self.answers("CLUSTER", "NODES")
        return [_member(line) for line in lines.splitlines()] if isinstance(lines, str) else []

    def is_healthy(self, size: int) -> bool:
        """Whether it is linked to all of so many servers, sees all slots served, and is in step with its master."""
        role, members = self.answers("ROLE"), self.members()
        return (
            "cluster_state:ok" in str(self.answers("CLUSTER", "INFO"))
            and len(members) == size
            and all(member.is_linked and not member.flags & UNUSABLE for member in members)
            and all(member.slots or "slave" in member.flags for member in members)  # this one knows all roles
            and isinstance(role, list)
            and (role[0] == "master" or role[3] == "connected")
        )


class RedisCluster:
    """The servers; any three of them may be masters. All calls block; those that wait do so until it is so."""

    def __init__(self, folder: Path, stack: ExitStack, *, masters: int = MASTERS, replicas: int = MASTERS) -> None:
        self.nodes = [ClusterNode(folder) for _ in range(masters + replicas)]
        for node in self.nodes:
            stack.callback(node.stop)
            node.start()
            node.id = str(node.answers("CLUSTER", "MYID"))
        self._meet(masters)
        for number, replica in enumerate(self.nodes[masters:]):
            replica.do("CLUSTER", "REPLICATE", self.nodes[number % masters].id)
        self.until_healthy()

    def _meet(self, masters: int) -> None:
        """Share the slots among the masters, and introduce each server to the first."""
        first = self.nodes[0]
        bounds = [REDIS_CLUSTER_HASH_SLOTS * number // masters for number in range(masters + 1)]
        for number, node in enumerate(self.nodes):
            node.do("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < masters:
                node.do("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            if node is not first:
                node.do("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        ids = {node.id for node in self.nodes}
        until(lambda: all({member.id for member in node.members()} == ids for node in self.nodes), START_S)

    @property
    def url(self) -> str:
        """The REDIS_URL of the service."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://:{PASSWORD}@{hosts}"

    def master_of(self, slot: int) -> ClusterNode | None:
        """The master that serves a slot, once all servers that answer agree; None before."""
        seen = {_port_of(slot, members) for node in self.nodes if (members := node.members())}
        return self._node(seen.pop()) if len(seen) == 1 and None not in seen else None

    def master_of_key(self, key: str) -> ClusterNode:
        """The master that has a key."""
        slot = slot_of(key)
        until(lambda: self.master_of(slot) is not None, ELECTION_S)
        found = self.master_of(slot)
        assert found is not None, f"the servers do not agree on the master of {key}"
        return found

    def masters(self) -> list[ClusterNode]:
        """The masters that have slots, as the first server that answers sees them."""
        members = next(members for node in self.nodes if (members := node.members()))
        return [self._node(member.port) for member in members if member.is_master and member.slots]

    def replica_of(self, master: ClusterNode) -> ClusterNode:
        """A replica of a master."""
        members = master.members()
        return next(self._node(member.port) for member in members if member.master_id == master.id)

    def wait_for_election(self, slot: int, old: ClusterNode) -> float:
        """Wait until another master than the old one serves a slot; gives the time of that on the monotonic clock."""
        others = [node for node in self.nodes if node is not old]
        until(lambda: any(_port_of(slot, node.members()) not in (None, old.port) for node in others), ELECTION_S)
        return time.monotonic()

    def wait_until_replaced(self, key: str, old: ClusterNode) -> None:
        """Wait until another master than the old one has a key."""
        self.wait_for_election(slot_of(key), old)

    def fail_over(self, master: ClusterNode) -> None:
        """Exchange the roles of a master and its replica, as an operator does."""
        self.replica_of(master).do("CLUSTER", "FAILOVER")

    def errors(self, *kinds: str) -> int:
        """How often the servers have answered with errors of these kinds, such as ASK."""
        names = [f"errorstat_{kind}" for kind in kinds]
        answers = [node.answers("INFO", "errorstats") for node in self.nodes]
        return sum(
            answer[name]["count"] for answer in answers if isinstance(answer, dict) for name in names if name in answer
        )

    def until_healthy(self) -> None:
        """Wait until all servers are linked, all slots are served, and each replica is in step with its master."""
        until(lambda: all(node.is_healthy(len(self.nodes)) for node in self.nodes), START_S)

    @contextmanager
    def moving(self, slot: int, target: ClusterNode) -> Iterator[Callable[[int], int]]:
        """Move a slot in steps, as `redis-cli --cluster reshard` does; gives what moves so many keys, or all there are.

        From the first step on the slot is MIGRATING here and IMPORTING there: a key that is not there any more gets
        ASK, a script whose keys are partly there TRYAGAIN. At the end of the block the slot belongs to the target.
        """
        source = self.master_of(slot)
        assert source is not None, f"the servers do not agree on the master of slot {slot}"
        target.do("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.do("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

        def move_keys(count: int) -> int:
            keys = source.answers("CLUSTER", "GETKEYSINSLOT", slot, count, timeout_s=START_S)
            assert isinstance(keys, list), keys
            if keys:
                address: list[str | int] = ["MIGRATE", "127.0.0.1", target.port, "", 0, MIGRATE_TIMEOUT_MS]
                moved = source.answers(*address, "AUTH", PASSWORD, "KEYS", *keys, timeout_s=START_S)
                assert moved in ("OK", "NOKEY"), moved  # NOKEY: all have expired since
            return len(keys)

        yield move_keys
        while move_keys(A_BATCH):
            pass
        others = [node for node in self.masters() if node not in (source, target)]
        for node in [target, source, *others]:
            node.do("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        until(lambda: self.master_of(slot) is target, START_S)

    def move_slot(self, slot: int, target: ClusterNode) -> None:
        """Move a slot with its keys to another master."""
        with self.moving(slot, target):
            pass

    def _node(self, port: int | None) -> ClusterNode:
        return next(node for node in self.nodes if node.port == port)


@contextmanager
def running_redis_cluster(folder: Path, *, masters: int = MASTERS, replicas: int = MASTERS) -> Iterator[RedisCluster]:
    """Run all of them for the duration of the block."""
    program(PROGRAM, package="redis-server")
    with ExitStack() as stack:
        yield RedisCluster(folder, stack, masters=masters, replicas=replicas)


def slot_of(key: str) -> int:
    """The hash slot of a key."""
    slot: int = key_slot(key.encode())
    return slot


def _port_of(slot: int, members: Sequence[Member]) -> int | None:
    """The port of the master that serves a slot."""
    return next((member.port for member in members if member.has(slot)), None)


def _member(line: str) -> Member:
    """`id host:port@bus[,name] flags master-id ping-sent pong-received epoch link-state slot ...`."""
    name, address, flags, master_id, _, _, _, link, *slots = line.split()
    ranges = [slot.partition("-") for slot in slots if not slot.startswith("[")]  # `[` begins a slot that moves
    return Member(
        name,
        int(address.partition("@")[0].rpartition(":")[2]),
        frozenset(flags.split(",")),
        master_id,
        link == "connected",
        tuple((int(first), int(last or first)) for first, _, last in ranges),
    )
