"""The service on a root file system that cannot be written, as its containers have it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.conftest import SECRET
from tests.deploy.kubernetes import ROOT, container, templates
from tests.ports import free_port
from tests.programs import program

WAIT_S = 120
# The folder stays writable, as an emptyDir is; a new namespace of mounts, so that nothing else sees the change.
SCRIPT = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift || exit
! touch /written 2>&- && exec "$@"
"""


@pytest.fixture
def emptied(tmp_path: Path) -> Path:
    """The one folder that can be written."""
    unshare = program("unshare", package="util-linux")
    probe = [unshare, "--mount", "sh", "-c", SCRIPT, "sh", str(tmp_path), "true"]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("this user may not make a namespace of mounts")
    return tmp_path


@contextmanager
def running(arguments: list[str], folder: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The command line in a namespace where only `folder` can be written; it is stopped at the end."""
    command = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", str(folder), sys.executable, "-m", "reservation"]
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), **environment}
    process = subprocess.Popen([*command, *arguments], cwd=folder, env=given, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_S)


def status_of(port: int, path: str) -> int | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("component", "path"), [("web", "/ready"), ("worker", "/health")])
def test_a_pod_writes_to_its_emptydir_alone(
    component: str, path: str, emptied: Path, database_url: str, redis_url: str
) -> None:
    """The very command lines of the pods, but for the address; no file is left after the end."""
    port = free_port()
    arguments = [*container(templates("large")[component])["args"]]
    option = "--port" if component == "web" else "--metrics-port"
    arguments[arguments.index(option) + 1] = str(port)
    arguments[arguments.index("0.0.0.0")] = "127.0.0.1"  # noqa: S104 - it is replaced
    stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET, "STOP_DELAY_SECONDS": "0"}
    with running(arguments, emptied, DATA_DIR=str(emptied / "reservation"), **stores) as process:
        wait_until(lambda: status_of(port, path) == 200, process)
        process.terminate()
        assert process.wait(WAIT_S) == 0
    assert [found for found in emptied.rglob("*") if found.is_file()] == []
