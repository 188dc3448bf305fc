"""`reservation config`: what is in force is printed, and no secret."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reservation.settings import Settings

PASSWORD = "hunter2-hunter2-hunter2-hunter2-hunter2"


def config(folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command, run in a folder of its own with these settings alone."""
    names = {variable.name for variable in Settings.variables().values()}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-m", "reservation", "config", *options],
        cwd=folder,
        env=kept | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_config_prints_every_setting_with_its_source(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CURRENCY=EUR\n")
    (tmp_path / "secret").write_text(PASSWORD)
    printed = config(tmp_path, "--json", HOLD_TTL_SECONDS="60", JWT_SECRET_FILE="secret")
    found = {setting["name"]: (setting["value"], setting["source"]) for setting in json.loads(printed.stdout)}
    assert found.keys() == {variable.name for variable in Settings.variables().values()}
    assert found["CURRENCY"] == ("EUR", ".env")
    assert found["HOLD_TTL_SECONDS"] == ("60", "environment")
    assert found["HOLD_MAX_SECONDS"] == ("1800", "default")
    assert found["JWT_SECRET"] == ("***", "secret")
    assert found["DATABASE_URL"] == (None, "unset")
    assert "starts its own PostgreSQL and Valkey" in config(tmp_path).stderr
    assert "settings of this environment and folder" in config(tmp_path).stderr


def test_config_hides_a_secret_that_looks_like_a_url(tmp_path: Path) -> None:
    printed = config(tmp_path, JWT_SECRET=f"x://{PASSWORD}")
    assert "JWT_SECRET" in printed.stdout
    assert PASSWORD not in printed.stdout


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://cinema:{PASSWORD}@h1:5432,h2/db", "postgresql://cinema:***@h1:5432,h2/db"),
        (f"postgresql://cinema@h1/db?password={PASSWORD}", "postgresql://cinema@h1/db?***"),
        (f"postgresql:///db?host=/run/pg&password={PASSWORD}", "postgresql:///db?host=/run/pg&***"),
        ("postgresql://cinema@h1,h2/db?target_session_attrs=read-write&sslmode=verify-full",) * 2,
        (f"postgresql://cinema:1?host={PASSWORD}@h1/db", "?***"),
        (f"postgresql://cinema:p@ss/{PASSWORD}@h1/db", "postgresql://cinema:***@h1/db"),
    ],
)
def test_config_hides_secrets(tmp_path: Path, url: str, shown: str) -> None:
    given = {"DATABASE_URL": url, "REDIS_URL": f"redis://:{PASSWORD}@localhost/0", "JWT_SECRET": PASSWORD}
    for options in ((), ("--json",)):
        printed = config(tmp_path, *options, **given)
        assert PASSWORD not in printed.stdout + printed.stderr
        assert shown in printed.stdout
        assert "redis://:***@localhost/0" in printed.stdout
        assert printed.returncode == 0


def test_config_fails_as_the_start_would(tmp_path: Path) -> None:
    printed = config(tmp_path, HOLD_TTL_SECS="60")
    assert (printed.returncode, printed.stdout) == (1, "")
    assert printed.stderr.startswith("reservation: HOLD_TTL_SECS is not a setting: did you mean HOLD_TTL_SECONDS? ")
