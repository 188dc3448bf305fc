"""A real service for all the load tests, with demo data and two workers; and the command, as a load tester calls it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reservation.embedded import stores
from reservation.load.access import TargetAccess
from reservation.load.reset import reset
from reservation.load.target import Target
from reservation.settings import Settings
from tests.faults.test_serving import serving

PATIENCE_S = 600  # a run takes seconds; on a busy machine longer


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    status: int
    printed: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Cinema:
    """The running service, and the folder that its stores are in."""

    url: str
    data_dir: Path

    def load(
        self, *arguments: str | Path | int, data_dir: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Finished:
        """Run `reservation load` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "reservation", "load", *map(str, arguments), "--url", self.url],
            env={"PATH": os.defpath, "DATA_DIR": str(data_dir or self.data_dir), **(environment or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def reported(self, *arguments: str | Path | int, file: Path) -> dict[str, Any]:
        """The JSON report of a run that must end well."""
        done = self.load(*arguments, "--json", file)
        assert done.status == 0, done.printed + done.complaint
        report: dict[str, Any] = json.loads(file.read_text())
        return report

    def settings(self) -> Settings:
        """Settings with the stores of the running service."""
        with stores(Settings.from_env({"DATA_DIR": str(self.data_dir)}), attach_to_running=True) as settings:
            return settings

    def database(self) -> "psycopg.Connection[Any]":
        """A connection of the test's own to the service's database."""
        return psycopg.connect(self.settings().database_url or "", autocommit=True)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cinema]:
    data_dir = tmp_path_factory.mktemp("load") / "data"
    with serving(data_dir, "--demo", "--workers", "2", ACCESS_LOG="off") as instance:
        yield Cinema(f"http://127.0.0.1:{instance.port}", data_dir)


@pytest.fixture
def cinema(running: Cinema) -> Iterator[Cinema]:
    """The service; what a test booked is removed after it, and its accounts: ten thousand make later runs slow."""
    yield running
    access = TargetAccess(
        Target.of(running.url), running.settings(), connections=1, timeout_s=PATIENCE_S, tokens_file=None
    )
    asyncio.run(reset(access))
    with running.database() as connection:
        connection.execute("delete from users where email like '%@load.invalid'")
