"""The units in deploy/systemd: systemd accepts them, they agree with the service, and it tells systemd its state."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reservation.serving.service_manager import ALIVE_EVERY_S
from reservation.serving.worker_process import KILL_MARGIN_S, START_WAIT_S
from reservation.settings import Settings
from tests.conftest import SECRET
from tests.ports import free_port
from tests.programs import program
from tests.project.test_compose import setting
from tests.project.test_deployment import parse
from tests.project.test_settings import SECRETS, known_names

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"), key=lambda unit: unit.stem)
PROGRAM = "/opt/reservation/bin/reservation"
THERE = "/bin/sh"  # for systemd-analyze, which only looks whether the program exists
WAIT_S = 120
MOST_EXPOSURE = 20  # of 100, as `systemd-analyze security` counts: up to 10 is safe, and up to 40 ok
VALUES = {
    "database_url": "postgresql://localhost/cinema",
    "redis_url": "redis://localhost",
    "jwt_secret": SECRET,
    "metrics_token": SECRET,
}

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def values(unit: Path, name: str) -> list[str]:
    """Every value of a key, in their order."""
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def value(unit: Path, name: str) -> str:
    [found] = values(unit, name)
    return found


def command(unit: Path) -> list[str]:
    """The command line after the program."""
    first, *rest = shlex.split(value(unit, "ExecStart"))
    assert first == PROGRAM
    return rest


def environment(unit: Path) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in values(unit, "Environment"))


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """Copies of the units that name a program which is there."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, THERE))
    return sorted(tmp_path.glob("*.service"))


def test_there_are_units_for_each_process() -> None:
    assert [unit.stem for unit in UNITS] == ["reservation", "reservation-migrate", "reservation-worker"]
    assert [command(unit)[0] for unit in UNITS] == ["serve", "migrate", "work"]


def test_systemd_accepts_the_units(installed: list[Path]) -> None:
    analyze = program("systemd-analyze", package="systemd")
    result = subprocess.run([analyze, "verify", *map(str, installed)], check=False, capture_output=True, text=True)
    ours = [line for line in result.stderr.splitlines() if "reservation" in line]
    assert (result.returncode, ours) == (0, [])


def test_systemd_refuses_a_unit_with_a_key_that_is_not_known(installed: list[Path]) -> None:
    """So the test above would find one."""
    unit = installed[0]
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))
    analyze = program("systemd-analyze", package="systemd")
    result = subprocess.run([analyze, "verify", unit], check=False, capture_output=True, text=True)
    assert "ProtectHomes" in result.stderr


@each_unit
def test_the_units_are_hardened(unit: Path) -> None:
    analyze = program("systemd-analyze", package="systemd")
    given = [analyze, "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", str(unit)]
    result = subprocess.run(given, check=False, capture_output=True, text=True)
    if "unrecognized option" in result.stderr:
        pytest.skip("this systemd-analyze cannot look at files (it came with 250)")
    assert result.returncode == 0, result.stdout.splitlines()[-1]
    assert value(unit, "DynamicUser") == "yes"


@each_unit
def test_command_lines_exist_and_variables_are_settings(unit: Path) -> None:
    parse(*command(unit))
    assert {*map(setting, environment(unit))} <= known_names()


@each_unit
def test_each_secret_is_a_credential_of_the_unit(unit: Path, tmp_path: Path) -> None:
    """None is in the environment, and the settings that come of them are valid."""
    given = environment(unit)
    secrets = {name: text for name, text in given.items() if setting(name) in SECRETS}
    credentials = {each.partition(":")[0] for each in values(unit, "LoadCredential")}
    assert {*secrets.values()} == {f"%d/{name}" for name in credentials}
    assert all(name.endswith("_FILE") for name in secrets)
    for name in credentials:
        (tmp_path / name).write_text(VALUES[name])
    made = Settings.from_env({name: text.replace("%d", str(tmp_path)) for name, text in given.items()})
    assert made.database_url == VALUES["database_url"]
    is_owner = "LoadCredential=database_url:/etc/reservation/secrets/owner_url" in unit.read_text()
    assert is_owner is (unit.stem == "reservation-migrate")


def test_systemd_waits_longer_than_a_start_and_a_stop_take() -> None:
    made = Settings.from_env(dict(zip(("DATABASE_URL", "REDIS_URL", "JWT_SECRET"), VALUES.values(), strict=False)))
    for unit in UNITS:
        if value(unit, "Type") != "notify":
            continue
        assert int(value(unit, "TimeoutStopSec")) > made.stop_delay_s + made.shutdown_s + KILL_MARGIN_S + 5
        assert int(value(unit, "TimeoutStartSec")) > START_WAIT_S
        assert int(value(unit, "WatchdogSec")) > 10 * ALIVE_EVERY_S
        assert value(unit, "KillMode") == "mixed", "the supervisor stops its workers in order"


class Notifications:
    """The socket at which systemd would wait, and what came."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(address)
        except OSError:
            self._socket.close()
            raise
        self._socket.settimeout(1)
        self.came: list[str] = []

    def wait_for(self, state: str, process: "subprocess.Popen[bytes]", times: int = 1) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.came.count(state) < times:
            assert time.monotonic() < deadline, self.came
            try:
                self.came.append(self._socket.recv(100).decode())
            except TimeoutError:
                assert process.poll() is None, "it has ended"

    def close(self) -> None:
        self._socket.close()


@contextmanager
def started(
    unit: Path, folder: Path, stores: dict[str, str], notify_socket: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """The unit's own command line, on a free port."""
    words = [sys.executable, "-m", "reservation", *command(unit)]
    for option in {"--port", "--metrics-port"} & {*words}:
        words[words.index(option) + 1] = str(free_port())
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": notify_socket, **stores}
    process = subprocess.Popen(words, cwd=folder, env=given, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(WAIT_S)


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
@pytest.mark.parametrize("name", ["reservation", "reservation-worker"])
def test_the_service_tells_systemd_that_it_is_ready_and_alive(
    name: str, is_abstract: bool, tmp_path: Path, socket_folder: Path, database_url: str, redis_url: str
) -> None:
    [unit] = [each for each in UNITS if each.stem == name]
    address = f"notify-{os.getpid()}-{name}" if is_abstract else str(socket_folder / "notify")
    manager = Notifications(f"\0{address}" if is_abstract else address)
    stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET, "STOP_DELAY_SECONDS": "0"}
    stores["DATA_DIR"] = str(tmp_path / "data")
    with started(unit, tmp_path, stores, f"@{address}" if is_abstract else address) as process:
        manager.wait_for("READY=1", process)
        manager.wait_for("WATCHDOG=1", process, times=3)
        process.terminate()
        if name == "reservation":
            manager.wait_for("STOPPING=1", process)
        assert process.wait(WAIT_S) == 0
    manager.close()
    assert manager.came.count("READY=1") == 1
    assert {*manager.came} <= {"READY=1", "WATCHDOG=1", "STOPPING=1"}
