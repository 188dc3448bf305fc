"""The embedded Valkey (or Redis), on a free port. It keeps no data over a restart."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .ports import free_ports, is_taken
from .processes import ChildServer, EmbeddedError, wait_until_gone

START_WAIT_S = 30.0
STOP_WAIT_S = 10.0
PREVIOUS_WAIT_S = 15.0


@contextmanager
def running_valkey(data_dir: Path, program: Path, *, password: str) -> Iterator[str]:
    """Run Valkey in data_dir/valkey for the duration of the block; gives its URL."""
    folder = data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    wait_until_gone(folder, program.name, wait_s=PREVIOUS_WAIT_S)
    for port in free_ports():
        with ChildServer(
            [program, "-"],
            name="Valkey",
            stop_signals=(signal.SIGTERM,),
            patience_s=STOP_WAIT_S,
            log=data_dir / "valkey.log",
            cwd=folder,
            config=_config(port, password),  # on standard input: any user can read a command line
        ) as server:
            if not _is_up(server, port, password):
                if server.poll() is not None and is_taken(port):
                    continue  # another program took the port first
                raise EmbeddedError(f"Valkey did not start: {server.last_log_line()}")
            yield f"redis://:{password}@127.0.0.1:{port}/0"
            return
    raise EmbeddedError("Valkey did not start: other programs took every port that was tried")


def _config(port: int, password: str) -> bytes:
    """The configuration, without persistence.

    An empty Valkey is filled again from PostgreSQL, showtime by showtime. One restored without its last second would
    lack holds, and nothing would show that.
    """
    return f"""\
bind 127.0.0.1
port {port}
requirepass {password}
daemonize no
logfile ""
save ""
appendonly no
maxmemory-policy noeviction
""".encode()


def _is_up(server: ChildServer, port: int, password: str) -> bool:
    deadline = time.monotonic() + START_WAIT_S
    while server.poll() is None and time.monotonic() < deadline:
        if _answers(port, password):
            return server.poll() is None
        time.sleep(0.02)
    return False


def _answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            with connection.makefile("rb") as answers:
                return [answers.readline().strip(), answers.readline().strip()] == [b"+OK", b"+PONG"]
    except OSError:
        return False
