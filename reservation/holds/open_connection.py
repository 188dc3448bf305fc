"""Opens a connection to Redis: the socket, and what is sent on it before any command of a caller."""

import asyncio
import socket
from typing import Any

from redis.asyncio import Connection as TcpConnection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.credentials import UsernamePasswordCredentialProvider

from .connection import RedisConnection, Reply
from .scripts import DETECT_RESTART


async def open_socket(options: AbstractConnection, connection: RedisConnection) -> None:
    """Connect to the server of these options."""
    loop = asyncio.get_running_loop()
    if isinstance(options, UnixDomainSocketConnection):
        await loop.create_unix_connection(lambda: connection, options.path)
    elif isinstance(options, TcpConnection):
        if isinstance(options, SentinelManagedConnection):
            connection.sentinel_address = await options.connection_pool.get_master_address()
            options.host, options.port = connection.sentinel_address
        context = options.ssl_context.get() if isinstance(options, SSLConnection) else None
        transport, _ = await loop.create_connection(lambda: connection, options.host, options.port, ssl=context)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.socket_keepalive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            keepalive: Any = options.socket_keepalive_options  # a mapping; redis-py's annotation is too wide
            for option, value in keepalive.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
    else:
        raise TypeError(f"{type(options).__name__} is not a connection to one server")


async def introduce(
    options: AbstractConnection, connection: RedisConnection, run_key: str, *, in_cluster: bool
) -> None:
    """Log in, detect another server before any command touches a hold, and have later losses told; in one exchange."""
    needed: list[asyncio.Future[Reply]] = []
    if options.username or options.password or options.credential_provider:
        provider = options.credential_provider or UsernamePasswordCredentialProvider(options.username, options.password)
        needed.append(connection.ask("AUTH", *await provider.get_credentials_async()))
    if options.client_name:
        needed.append(connection.ask("CLIENT", "SETNAME", options.client_name))
    if options.db:
        needed.append(connection.ask("SELECT", options.db))
    # Without RESP3 and tracking (before Redis 6, some proxies), a FLUSHALL goes unnoticed until the connection ends.
    connection.ask("HELLO", 3)
    connection.watch()
    if in_cluster:  # what the node has of a slot that it is about to get may be as old as all else
        connection.ask("ASKING")
    needed.append(connection.ask("EVAL", DETECT_RESTART.source, 1, run_key))
    connection.watch_run_key()
    for reply in needed:
        if isinstance(refused := await reply, Exception):
            raise ConnectionError(f"Redis refuses the connection: {refused}") from refused
