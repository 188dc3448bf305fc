"""The masters of a Redis Cluster, each with one connection, and the way of a command to the one that has its slot.

A reply that names another node is followed: MOVED to a new owner, ASK to the one that a slot is on its way to, for this
command only. TRYAGAIN says that a slot has some of the keys here and some there: the command is sent again until the
slot has moved, for MOVING_S at most. As long as a key of a script is missing, neither of the two nodes runs it, so what
a script sees of a showtime is always whole.

A failed master is not waited for: its callers are told so, and the nodes are asked for the new one, as they are when a
connection ends and once a second (check_writable). The epoch is that of all masters together: when one of them may have
lost holds, each hold that is under way is checked again.
"""

import asyncio
from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from hiredis import ReplyError
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError, RedisError

from ..runtime.redis_cluster import ClusterClient, ClusterNodes, Master
from ..runtime.redis_hosts import Address
from .connection import RUN_KEY, ConnectionLost, Reply, pack
from .redis_server import RedisServer
from .scripts import FORGET

MOVING_S = 2.0  # a call waits so long for a slot that moves, which takes longer with thousands of seats; then it fails
TRY_AGAIN_S = 0.02
REFRESH_S = 0.5  # for a caller without another limit
NODE_TIMEOUT_S = 1.0  # a master that does not answer is left before another is elected: cluster-node-timeout is longer
ASKING = pack("ASKING")
NOT_LOCAL = "non local key"  # of a script in a slot that moves, which has not written anything


class NoMaster(ConnectionError):
    """No master is known that has the slot."""


class ClusterServers:
    """Sends commands to the masters; `on_answering` is called when one of them answers, for the first time or again."""

    def __init__(self, client: ClusterClient, *, wait_s: float | None = None) -> None:
        self.nodes = client.nodes
        self._wait_s = wait_s
        self._servers: dict[Address, RedisServer] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._lost = 0  # epochs of masters that are none any more
        self.on_answering: Callable[[], None] | None = None
        self.on_reconnected: Callable[[str], None] | None = None  # not called: the client finds masters by itself
        self.nodes.on_changed.append(self._on_changed)

    @property
    def epoch(self) -> int:
        """Increments when a master may have lost holds."""
        return self._lost + sum(server.epoch for server in self._servers.values())

    def hangs(self) -> bool:
        """Whether a master does not answer, so that callers are told so without waiting for it."""
        return any(server.hangs() for server in self._servers.values())

    def server_of(self, slot: int) -> RedisServer | None:
        """The server of the master that has a slot; None if none is known."""
        owner = self.nodes.owners[slot]
        return None if owner is None else self._server(owner)

    def call(self, command: bytes, slot: int, *, shared: bool = False) -> "Future[Reply]":
        """The reply of the master that has a slot, or why there is none; raises Overloaded."""
        server = self.server_of(slot)
        if server is not None:
            return server.call(command, shared=shared)
        self.nodes.refresh_soon()
        unknown: Future[Reply] = asyncio.get_running_loop().create_future()
        unknown.set_result(NoMaster("no master has the slot"))
        return unknown

    async def follow_redirects(self, command: bytes, slot: int, reply: Reply, source: bytes | None = None) -> Reply:
        """The reply to a command whose first one is an error, after it was sent again to where the first one leads.

        `source` is the command for a node that does not know the script. What is still an error is returned.
        """
        clock = asyncio.get_running_loop().time
        until, was_lost, redirects = clock() + MOVING_S, False, 0
        asked: Address | None = None
        while isinstance(reply, Exception) and clock() < until:
            word, _, rest = str(reply).partition(" ")
            if not isinstance(reply, ReplyError):
                word = ""
            if word == "NOSCRIPT" and source is not None and command is not source:
                command = source
            elif word == "ASK" and (asked := _address(rest)) in self.nodes.masters:
                pass
            elif word == "MOVED":
                asked, redirects = None, redirects + 1
                await self._follow_move(slot, _address(rest), redirects)
            elif word in ("ASK", "TRYAGAIN") or (word and NOT_LOCAL in rest):
                asked = None
                await asyncio.sleep(TRY_AGAIN_S)
            elif not was_lost and self._is_lost(slot, reply):
                asked, was_lost = None, True
                await self._refresh()
            else:
                break
            reply = await self._send(command, slot, asked)
        return reply

    async def refresh(self) -> None:
        """Ask the nodes which of them are masters, and leave those that are none any more; raises RedisError."""
        await self.nodes.refresh()

    def masters(self) -> list[Master]:
        """All masters that have slots."""
        return [*self.nodes.masters.values()]

    async def aclose(self) -> None:
        """Close all connections."""
        self.nodes.on_changed.remove(self._on_changed)
        await self.nodes.stop()
        await asyncio.gather(*(server.aclose() for server in self._servers.values()), *self._closing)

    def _send(self, command: bytes, slot: int, asked: Address | None) -> "Future[Reply]":
        if asked is None:
            return self.call(command, slot)
        server = self._server(asked)
        server.call(ASKING)  # for the next command of the connection
        return server.call(command)

    def _server(self, address: Address) -> RedisServer:
        server = self._servers.get(address)
        if server is None:
            limits = {"socket_timeout": NODE_TIMEOUT_S, "socket_connect_timeout": NODE_TIMEOUT_S}
            pool = self.nodes.pool(address, **limits)
            run_key = run_key_of(self.nodes.masters[address])
            server = self._servers[address] = RedisServer(Redis.from_pool(pool), wait_s=self._wait_s, run_key=run_key)
            server.on_answering = self._on_answering
        return server

    def _is_lost(self, slot: int, reply: Exception) -> bool:
        """Whether the master may have a successor, so that the command should be sent again."""
        if isinstance(reply, ConnectionLost | OSError) and not isinstance(reply, TimeoutError):
            return True
        server = self.server_of(slot)
        is_of_cluster = str(reply).startswith("CLUSTERDOWN")  # its data are as before
        if is_of_cluster or isinstance(reply, TimeoutError):
            self.nodes.refresh_soon()
        return server is not None and not is_of_cluster and server.is_lost(reply)

    async def _follow_move(self, slot: int, address: Address, redirects: int) -> None:
        if redirects > 2:  # the nodes do not agree yet
            await asyncio.sleep(TRY_AGAIN_S)
        if not self.nodes.move(slot, address):
            await self._refresh()

    async def _refresh(self) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            await self.nodes.refresh(min(self._wait_s or REFRESH_S, REFRESH_S))

    def _on_answering(self) -> None:
        if self.on_answering is not None:
            self.on_answering()

    def _on_changed(self) -> None:
        """Leave those that are no masters any more, though they may not know that and take writes."""
        masters = self.nodes.masters
        for address, server in [*self._servers.items()]:
            master = masters.get(address)
            if master is not None and server.run_key.startswith(_run_key_start(master)):
                server.run_key = run_key_of(master)
                continue
            del self._servers[address]
            self._lost += server.epoch + 1
            closing = asyncio.get_running_loop().create_task(server.aclose(), context=Context())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


async def forget_showtimes(nodes: ClusterNodes) -> None:
    """Have each master forget all showtimes; raises RedisError, also if a slot moves meanwhile.

    What was on its way from one that has not forgotten to one that has would stay.
    """
    await nodes.refresh()
    owners = [*nodes.owners]
    for master in nodes.masters.values():
        async with Redis.from_pool(nodes.pool(master.address)) as client:
            await client.eval(FORGET.source, 1, run_key_of(master))
    await nodes.refresh()
    if None in owners or owners != nodes.owners or nodes.open_slots:
        raise RedisConnectionError("not all masters are there, or a slot moves") from ConnectionError("try again")


def run_key_of(master: Master) -> str:
    """The key of a master that is compared with its run_id.

    It has the node's id, since its slot may move to another node.
    """
    return f"{_run_key_start(master)}{{{master.tag}}}"


def _run_key_start(master: Master) -> str:
    return f"{RUN_KEY}:{master.node_id}:"


def _address(text: str) -> Address:
    """The address at the end of MOVED and ASK: `3999 127.0.0.1:6381`."""
    host, _, port = text.rpartition(" ")[2].rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else 0
