"""The embedded servers: their data survives, no process is left behind, and errors name their cause."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

import reservation
from reservation.embedded import DataDirInUse, Embedded, EmbeddedError, attach, embedded_servers, stores
from reservation.embedded.processes import processes_in
from reservation.settings import Settings

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
NO_SEATS = 65_534
RUN_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from reservation.embedded import embedded_servers
with embedded_servers(Path(sys.argv[1]), fast=True) as embedded:
    print(embedded.database_url, flush=True)
    time.sleep(60)
"""
START_AND_STOP = """
import sys
from pathlib import Path
from reservation.embedded import embedded_servers
with embedded_servers(Path(sys.argv[1]), fast=True):
    print("up")
"""


def write(embedded: Embedded) -> None:
    with psycopg.connect(embedded.database_url) as connection:
        connection.execute("create table if not exists kept (word text)")
        connection.execute("insert into kept values ('kept')")


def kept(embedded: Embedded) -> int:
    with psycopg.connect(embedded.database_url) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
    assert row is not None
    return int(row[0])


def survivors(data_dir: Path) -> list[int]:
    return processes_in(data_dir / "postgres", "postgres") + processes_in(data_dir / "valkey", "valkey-server")


def wait_until_alone(data_dir: Path) -> None:
    deadline = time.monotonic() + 10
    while survivors(data_dir) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert survivors(data_dir) == []


def test_data_survives_a_restart_in_a_folder_with_spaces_and_a_long_name(tmp_path: Path) -> None:
    data_dir = tmp_path / "a folder" / ("long" * 30)
    with embedded_servers(data_dir, fast=True) as first:
        write(first)
        assert len(survivors(data_dir)) >= 2
    wait_until_alone(data_dir)
    with embedded_servers(data_dir, fast=True) as second:
        assert kept(second) == 1
        assert second.jwt_secret == first.jwt_secret


def test_only_the_owner_reads_the_secrets(data_dir: Path) -> None:
    with embedded_servers(data_dir, fast=True) as embedded:
        private = [path.name for path in data_dir.glob("*.json") if path.stat().st_mode & 0o777 == 0o600]
        assert sorted(private) == ["secrets.json", "servers.json"]
        assert data_dir.stat().st_mode & 0o077 in {0, 0o011}
        password = embedded.redis_url.split(":")[2].split("@")[0]
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert not any(password.encode() in command for command in commands)


def test_other_commands_attach_and_a_second_instance_is_refused(data_dir: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(data_dir)})
    assert attach(data_dir) is None
    with embedded_servers(data_dir, fast=True) as running:
        assert attach(data_dir) == running
        with stores(settings, attach_to_running=True) as filled_in:
            assert filled_in.database_url == running.database_url
            assert filled_in.jwt_secret == running.jwt_secret
        with pytest.raises(DataDirInUse, match=str(data_dir)), embedded_servers(data_dir):
            pass
    assert attach(data_dir) is None


def test_urls_and_secret_that_are_set_have_precedence(data_dir: Path, tmp_path: Path) -> None:
    secret = "0123456789abcdef" * 2
    given = {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h", "JWT_SECRET": secret}
    settings = Settings.from_env({**given, "DATA_DIR": str(tmp_path / "unused")})
    with stores(settings, attach_to_running=False) as same:
        assert same == settings
    assert not (tmp_path / "unused").exists()
    with stores(Settings.from_env({"JWT_SECRET": secret, "DATA_DIR": str(data_dir)}), attach_to_running=False) as own:
        assert own.jwt_secret == secret


@pytest.fixture
def killed_parent(data_dir: Path) -> Path:
    """A data folder whose instance was killed (SIGKILL) while it served; one row was written."""
    with subprocess.Popen([sys.executable, "-c", RUN_UNTIL_KILLED, str(data_dir)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        database_url = parent.stdout.readline().decode().strip()
        write(Embedded(database_url, "", ""))
        parent.kill()
    return data_dir


@LINUX_ONLY
def test_a_killed_parent_leaves_no_process_and_loses_no_data(killed_parent: Path) -> None:
    wait_until_alone(killed_parent)
    with embedded_servers(killed_parent, fast=True) as embedded:
        assert kept(embedded) == 1


@LINUX_ONLY
def test_a_start_right_after_the_kill_waits_for_the_old_servers(killed_parent: Path) -> None:
    with embedded_servers(killed_parent, fast=True) as embedded:
        assert kept(embedded) == 1


@LINUX_ONLY
def test_a_crash_loses_no_commit_and_a_stale_pid_file_is_ignored(data_dir: Path) -> None:
    with embedded_servers(data_dir) as embedded:
        write(embedded)
        pid_file = (data_dir / "postgres" / "postmaster.pid").read_text()
        os.kill(int(pid_file.split()[0]), signal.SIGKILL)
    wait_until_alone(data_dir)
    # As after a restart of the machine or container: the pid belongs to another process now.
    stale = "\n".join([str(os.getpid()), *pid_file.splitlines()[1:]])
    (data_dir / "postgres" / "postmaster.pid").write_text(stale)
    with embedded_servers(data_dir) as embedded:
        assert kept(embedded) == 1


def test_an_interrupted_initdb_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "postgres.unfinished" / "base").mkdir(parents=True)
    (tmp_path / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
    with embedded_servers(tmp_path, fast=True) as embedded:
        write(embedded)
    assert not (tmp_path / "postgres.unfinished").exists()


def test_data_of_another_major_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 9"), embedded_servers(tmp_path):
        pass
    assert os.listdir(tmp_path / "postgres") == ["PG_VERSION"]


def test_a_wrong_program_path_is_an_error_that_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="POSTGRES_BIN_DIR"), embedded_servers(tmp_path, postgres_bin_dir=tmp_path):
        pass
    absent = tmp_path / "absent"
    with pytest.raises(EmbeddedError, match="VALKEY_SERVER"), embedded_servers(tmp_path, valkey_server=absent):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as an ordinary user already")
def test_servers_run_as_an_ordinary_user() -> None:
    setpriv = ["setpriv", f"--reuid={NO_SEATS}", f"--regid={NO_SEATS}", "--clear-groups"]
    python = next((path for path in _pythons() if _runs([*setpriv, path, "-c", "import psycopg, reservation"])), None)
    if python is None:
        pytest.skip("no interpreter of this version is readable for an ordinary user")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own folders are root's alone
        os.chown(folder, NO_SEATS, NO_SEATS)
        data_dir = Path(folder) / "data"
        answer = subprocess.run(
            [*setpriv, python, "-c", START_AND_STOP, str(data_dir)],
            env=_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.stdout == "up\n", answer.stderr
        assert (data_dir / "postgres").stat().st_uid == NO_SEATS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
def test_servers_run_for_root_without_user_namespaces() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        data_dir = Path(folder) / "data"
        answer = subprocess.run(
            [sys.executable, "-c", START_AND_STOP, str(data_dir)],
            env={**_environment(), "PATH": folder}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "Permission denied" in answer.stderr:
            pytest.skip("the servers' programs are out of reach for nobody")
        assert answer.stdout == "up\n", answer.stderr
        assert (data_dir / "postgres").stat().st_uid == NO_SEATS


def _pythons() -> list[str]:
    system = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    return [sys.executable] if system is None else [sys.executable, system]


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode == 0


def _environment() -> dict[str, str]:
    packages = [str(Path(module).parent.parent) for module in (reservation.__file__, psycopg.__file__)]
    return {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(packages), "PYTHONDONTWRITEBYTECODE": "1"}
