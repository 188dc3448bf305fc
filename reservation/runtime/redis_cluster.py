"""Redis Cluster: `redis+cluster://user:password@host1:6379,host2:6379`, with TLS `rediss+cluster://`.

`ClusterClient` is redis-py's client of a cluster, for all but the scripts of holds (holds/cluster_servers.py), which
have a connection to each master and need to know who that is. `ClusterNodes` knows it: it asks the nodes for CLUSTER
NODES, and of each slot takes the claim with the highest configuration epoch, as the nodes do. So a master that was
cut off and has a successor is not taken for a master by a worker that still reaches it.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from itertools import count
from time import monotonic
from typing import Any, NamedTuple

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS, key_slot
from redis.exceptions import (
    ClusterError,
    ConnectionError as RedisConnectionError,
    RedisClusterException,
    SlotNotCoveredError,
    TimeoutError as RedisTimeoutError,
)

from .redis_hosts import Address, hosts_and_options

REDIS_PORT = 6379
ASK_TIMEOUT_S = 0.5  # a node that does not answer delays the others' answers by so much
ASKED_AT_ONCE = 8  # nodes; of more, some are chosen at random
REFRESH_EVERY_S = 0.1  # at most
UNUSABLE = frozenset({"fail", "noaddr", "handshake"})


class Master(NamedTuple):
    """A master that has slots; `tag` is a number whose hash slot is one of them, the lowest there is."""

    node_id: str
    address: Address
    tag: int


class Claim(NamedTuple):
    """That a node has slots, as some node says."""

    epoch: int
    node_id: str
    address: Address
    first: int
    last: int


class Answer(NamedTuple):
    """What one node says of all."""

    addresses: frozenset[Address]
    claims: frozenset[Claim]
    open_slots: frozenset[int]


class ClusterNodes:
    """Which master has which slot: `owners` by slot, and the masters by address.

    `open_slots` are on their way from one master to another.
    """

    def __init__(self, seeds: Sequence[Address], options: Mapping[str, Any]) -> None:
        self._options = dict(options)
        self._uses_tls = options.get("connection_class") is SSLConnection
        self._seeds = self._known = frozenset(seeds)
        self._clients: dict[Address, Redis] = {}
        self._refresh: asyncio.Task[None] | None = None
        self._refreshed_at = 0.0
        self.owners: list[Address | None] = [None] * SLOTS
        self.masters: dict[Address, Master] = {}
        self.open_slots: frozenset[int] = frozenset()
        self.on_changed: list[Callable[[], None]] = []  # called when a slot has another owner

    def pool(self, address: Address, **options: Any) -> ConnectionPool:
        """A pool of connections to one node, with the options of the URL."""
        return ConnectionPool(**{**self._options, **options, "host": address[0], "port": address[1]})

    def client(self, address: Address) -> Redis:
        """A client of one node, for what is not urgent."""
        client = self._clients.get(address)
        if client is None:
            limits: dict[str, Any] = {
                "socket_timeout": ASK_TIMEOUT_S,
                "socket_connect_timeout": ASK_TIMEOUT_S,
                "retry": Retry(NoBackoff(), 0),
            }
            client = self._clients[address] = Redis.from_pool(self.pool(address, **limits))
        return client

    def any_client(self) -> Redis:
        """A new client of any node: each has the messages that are published on any other one."""
        return Redis.from_pool(self.pool(random.choice([*(self.masters or self._known)])))  # noqa: S311 - no secret

    def move(self, slot: int, address: Address) -> bool:
        """A node says that another one has the slot; whether that is a known master."""
        if address not in self.masters:
            return False
        self.owners[slot] = address
        self.refresh_soon()
        return True

    def refresh_soon(self) -> None:
        """Ask the nodes, in the background."""
        self._refreshing()

    async def refresh(self, wait_s: float | None = None) -> None:
        """Ask the nodes, for so long at most; what they say later counts, too. Raises RedisError if none answers."""
        await asyncio.wait_for(asyncio.shield(self._refreshing()), wait_s)

    async def stop(self) -> None:
        """End what runs in the background."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    async def close_idle(self) -> None:
        """Close the connections that are not in use; they are opened again when they are needed."""
        for client in self._clients.values():
            await client.connection_pool.disconnect(inuse_connections=False)

    def _refreshing(self) -> "asyncio.Task[None]":
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.get_running_loop().create_task(self._ask_all(), context=Context())
            self._refresh.add_done_callback(lambda task: task.cancelled() or task.exception())  # it may not be awaited
        return self._refresh

    async def _ask_all(self) -> None:
        await asyncio.sleep(max(0.0, self._refreshed_at + REFRESH_EVERY_S - monotonic()))
        self._refreshed_at = monotonic()
        known = [*self._known]
        asked = random.sample(known, ASKED_AT_ONCE) if len(known) > ASKED_AT_ONCE else known
        found: list[Any] = await asyncio.gather(*map(self._ask, asked), return_exceptions=True)
        answers = [answer for answer in found if isinstance(answer, Answer)]
        if not answers:
            self._known |= self._seeds  # which may be names of new addresses
            raise _most_specific([error for error in found if isinstance(error, Exception)])
        self._known = frozenset[Address]().union(*(answer.addresses for answer in answers)) or self._known
        for address in self._clients.keys() - self._known:
            await self._clients.pop(address).aclose()
        self.learn(answers)

    async def _ask(self, address: Address) -> Answer:
        nodes: Mapping[str, Any] = await self.client(address).execute_command("CLUSTER NODES")
        return read_answer(nodes, address, uses_tls=self._uses_tls)

    def learn(self, answers: Sequence[Answer]) -> None:
        """Take over what the nodes answer."""
        claims = frozenset[Claim]().union(*(answer.claims for answer in answers))
        self.open_slots = frozenset[int]().union(*(answer.open_slots for answer in answers))
        owners: list[Address | None] = [None] * SLOTS
        ids: dict[Address, str] = {}
        for claim in sorted(claims):
            owners[claim.first : claim.last + 1] = [claim.address] * (claim.last + 1 - claim.first)
            ids[claim.address] = claim.node_id
        tags = _lowest_tags(owners)
        masters = {address: Master(ids[address], address, tag) for address, tag in tags.items()}
        is_changed = owners != self.owners or masters != self.masters
        self.owners, self.masters = owners, masters
        if is_changed:
            for call in self.on_changed:
                call()


def slot_of(key: str) -> int:
    """The hash slot of a key."""
    slot: int = key_slot(key.encode())
    return slot


def _lowest_tags(owners: Sequence[Address | None]) -> dict[Address, int]:
    """Of each node that has slots, the lowest number whose slot is one of them."""
    missing = {owner for owner in owners if owner is not None}
    tags: dict[Address, int] = {}
    for number in count():
        if not missing:
            return tags
        owner = owners[slot_of(str(number))]
        if owner is not None and owner in missing:
            missing.discard(owner)
            tags[owner] = number
    raise AssertionError  # count() does not end


def read_answer(nodes: Mapping[str, Any], asked: Address, *, uses_tls: bool) -> Answer:
    """What a node answers to CLUSTER NODES, as redis-py reads it."""
    addresses, claims, open_slots = set[Address](), set[Claim](), set[int]()
    for name, node in nodes.items():
        flags = frozenset(node["flags"].split(","))
        if flags & UNUSABLE:
            continue
        host, _, port = name.rpartition(":")
        # Certificates are of names. A node that is alone does not know its address.
        address = ((node["hostname"] if uses_tls else "") or host.strip("[]") or asked[0], int(port))
        addresses.add(address)
        open_slots.update(int(each["slot"]) for each in node["migrations"])
        if "master" in flags:
            for slots in node["slots"]:
                claims.add(Claim(int(node["epoch"]), node["node_id"], address, int(slots[0]), int(slots[-1])))
    return Answer(frozenset(addresses), frozenset(claims), frozenset(open_slots))


def _most_specific(errors: Sequence[Exception]) -> Exception:
    """Of the errors of all nodes, one that is not only of the network, if there is one."""
    refusals = (each for each in errors if not isinstance(each.__cause__ or each.__context__ or each, OSError))
    return next((each for each in refusals if not isinstance(each, RedisTimeoutError)), errors[0])


class ClusterClient(RedisCluster):
    """redis-py's client, which raises RedisError in all cases; `nodes` says which master has which slot."""

    def __init__(self, nodes: ClusterNodes, seeds: Sequence[Address], **options: Any) -> None:
        super().__init__(startup_nodes=[ClusterNode(*address) for address in seeds], **options)
        self.nodes = nodes

    async def __aenter__(self) -> "ClusterClient":
        await super().__aenter__()
        return self

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """As in redis-py; raises RedisConnectionError if no node can be reached, or none has the slot."""
        try:
            return await super().execute_command(*args, **kwargs)
        except (RedisClusterException, ClusterError, SlotNotCoveredError) as error:
            raise RedisConnectionError(*error.args) from ConnectionError(*error.args)

    async def aclose(self) -> None:
        """Close all connections; redis-py also does so in order to connect again."""
        await super().aclose()
        await self.nodes.close_idle()


def cluster_client(url: str, **options: Any) -> ClusterClient:
    """The client of a URL, with redis-py's options of a connection."""
    seeds, of_url = hosts_and_options(url, default_port=REDIS_PORT)
    of_redis = {**options, **of_url}
    nodes = ClusterNodes(seeds, of_redis)
    uses_tls = of_redis.pop("connection_class", None) is SSLConnection
    return ClusterClient(nodes, seeds, ssl=uses_tls, require_full_coverage=False, **of_redis)
