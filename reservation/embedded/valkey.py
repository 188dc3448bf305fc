"""The embedded Valkey (or Redis), on a free port. It keeps no data over a restart."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .ports import running_on_free_port
from .processes import ChildServer, wait_until_gone

START_WAIT_S = 30.0
STOP_WAIT_S = 10.0
PREVIOUS_WAIT_S = 15.0


@contextmanager
def running_valkey(data_dir: Path, program: Path, *, password: str) -> Iterator[str]:
    """Run Valkey in data_dir/valkey for the duration of the block; gives its URL."""
    folder = data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    wait_until_gone(folder, program.name, wait_s=PREVIOUS_WAIT_S)

    def start(port: int) -> ChildServer:
        return ChildServer(
            [program, "-"],
            name="Valkey",
            stop_signals=(signal.SIGTERM,),
            patience_s=STOP_WAIT_S,
            log=data_dir / "valkey.log",
            cwd=folder,
            config=_config(port, password),  # on standard input: any user can read a command line
        )

    with running_on_free_port("Valkey", start, lambda _, port: _answers(port, password), wait_s=START_WAIT_S) as port:
        yield f"redis://:{password}@127.0.0.1:{port}/0"


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


def _answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            with connection.makefile("rb") as answers:
                return [answers.readline().strip(), answers.readline().strip()] == [b"+OK", b"+PONG"]
    except OSError:
        return False
