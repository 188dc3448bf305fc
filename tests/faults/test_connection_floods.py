"""Bursts of connections: the backlog takes them, a worker without file descriptors goes on, and slow heads end."""

import os
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.test_serving import Instance, answers_200, serving, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
BURST = 600  # far more than aiohttp's own backlog, and less than the default of LISTEN_BACKLOG
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
FILES = 120  # of a worker without file descriptors
REQUEST = b"GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def data_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("floods") / "data"))


@contextmanager
def connections(instance: Instance, count: int) -> Iterator[list[socket.socket]]:
    """So many connections, each established: the kernel does that, up to the backlog, also if nothing accepts them."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", instance.port), timeout=30))
            for _ in range(count)
        ]


@pytest.mark.skipif(int(SOMAXCONN.read_text()) < BURST, reason="the system allows no longer backlog")
def test_a_burst_of_connections_waits_for_a_busy_worker_and_is_answered(data_dir: Path) -> None:
    with serving(data_dir, WORKER_HANG_SECONDS="0") as instance:
        [worker] = instance.workers()
        os.kill(worker, signal.SIGSTOP)
        with connections(instance, BURST) as opened:
            for each in opened:
                each.sendall(REQUEST)
            os.kill(worker, signal.SIGCONT)
            assert {each.recv(12) for each in opened} == {b"HTTP/1.1 200"}


def test_a_worker_without_file_descriptors_says_so_refuses_and_goes_on(data_dir: Path) -> None:
    with serving(data_dir) as instance:
        [worker] = instance.workers()
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (FILES, FILES))
        statuses: list[bytes] = []
        with connections(instance, 2 * FILES) as opened:
            for each in opened:
                try:
                    each.sendall(REQUEST.replace(b"Connection: close\r\n", b""))
                    statuses.append(each.recv(12))
                except ConnectionError:  # beyond the last file descriptor: closed by the event loop
                    statuses.append(b"")
            assert statuses.count(b"HTTP/1.1 200") > FILES // 4
            assert {b"HTTP/1.1 200", b"HTTP/1.1 503"} <= {*statuses}
            assert "file_descriptors_run_out" in instance.printed()
        wait_until(lambda: answers_200(instance, "/ready"))
        assert instance.workers() == {worker}
        assert "Traceback" not in instance.printed()


def test_a_flood_of_heads_that_never_end_is_408_and_others_are_answered(data_dir: Path) -> None:
    with serving(data_dir, BODY_SECONDS="1") as instance:
        with connections(instance, BURST) as opened:
            for each in opened:
                each.sendall(REQUEST[:-2])
            assert answers_200(instance, "/ready")
            for each in opened[::2]:
                each.sendall(b"X-Slow: a\r\n")
            assert {each.recv(12) for each in opened} == {b"HTTP/1.1 408"}
            assert answers_200(instance, "/ready")
        assert "Traceback" not in instance.printed()
