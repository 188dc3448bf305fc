"""A PgBouncer in transaction mode, for the duration of a block."""

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reservation.embedded.ports import is_taken
from reservation.embedded.postgresql import _runner
from reservation.embedded.processes import ChildServer
from tests.ports import free_port
from tests.programs import program

PATIENCE_S = 60.0


@contextmanager
def running_pgbouncer(
    folder: Path, behind: int, *, user: str, password: str, options: Mapping[str, object]
) -> Iterator[int]:
    """Run it in a folder of its own, with what is behind a port as its only server; gives its port."""
    port, runner, log = free_port(), _runner(), folder / "pgbouncer.log"
    (folder / "users.txt").write_text(f'"{user}" "{password}"\n')
    lines = "\n".join(f"{name} = {value}" for name, value in options.items())
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
* = host=127.0.0.1 port={behind}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder / "users.txt"}
pool_mode = transaction
query_wait_timeout = 5
{lines}
""")
    if runner.drop_to_uid is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, runner.drop_to_uid)
    command: list[str | Path] = [*runner.prefix, program("pgbouncer", package="pgbouncer"), folder / "pgbouncer.ini"]
    with ChildServer(
        command,
        name="PgBouncer",
        stop_signals=(signal.SIGTERM,),
        patience_s=PATIENCE_S,
        log=log,
        uid=runner.drop_to_uid,
    ) as server:
        deadline = time.monotonic() + PATIENCE_S
        while not is_taken(port):
            assert server.poll() is None, server.last_log_line()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port
