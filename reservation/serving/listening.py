"""The service's port: a check that it is free, and a listening socket for each worker."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..errors import OperatorError


class CannotListen(OperatorError):
    """Listening on the address fails; the message is one line for the operator."""


def require_free(host: str, port: int) -> None:
    """Raise CannotListen if a program listens there; without SO_REUSEPORT, with which listening() could share it."""
    _bind(host, port, share=False).close()


@contextmanager
def listening(host: str, port: int, count: int, *, backlog: int) -> Iterator[list[socket.socket]]:
    """Listen `count` times on one port; the kernel spreads connections over the sockets. Port 0 picks a free one."""
    require_free(host, port)
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for _ in range(count):
            sock = stack.enter_context(_bind(host, port, share=True))
            sock.listen(backlog)
            sockets.append(sock)
            port = sock.getsockname()[1]
        yield sockets


def reachable_address(sock: socket.socket) -> tuple[str, int]:
    """The host and port under which this machine reaches a listening socket."""
    host, port = sock.getsockname()[:2]
    if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        host = "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"
    return host, port


def _bind(host: str, port: int, *, share: bool) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise CannotListen(f"cannot listen on {host}: {error.strerror}") from error
    # A name such as localhost has several addresses; an IPv4 address comes first.
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    sock = socket.socket(family, kind, protocol)
    try:
        # Else a restart would fail while connections of the last run are in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(f"port {port} on {host} is taken by another program") from error
        raise CannotListen(f"cannot listen on port {port} on {host}: {error.strerror}") from error
    return sock
