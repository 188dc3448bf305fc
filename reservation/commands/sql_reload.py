"""`reservation sql reload`: has the instances on a data folder read their statements again, and tells the outcome."""

import json
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from ..serving.reload_requests import DOORS, short_name
from .options import current_settings, data_dir

ANSWER_WAIT_S = 120.0  # an instance waits for its workers, who may wait for PostgreSQL
MAX_BYTES = 1_048_576


class NoInstance(Exception):
    """There is nobody to ask; the message says where it was looked."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one instance says; `workers` by name."""

    pid: int
    port: int
    refused: str | None
    changed: list[str]
    workers: dict[str, str]

    @property
    def is_good(self) -> bool:
        """Whether every worker has taken the statements."""
        return self.refused is None and all(outcome == "taken" for outcome in self.workers.values())

    def __str__(self) -> str:
        said = ", ".join(self.changed) or "none has changed"
        lines = [f"port {self.port}, process {self.pid}: {f'refused: {self.refused}' if self.refused else said}"]
        return "\n".join([*lines, *(f"  {name}: {outcome}" for name, outcome in self.workers.items())])


@click.command("reload")
@data_dir
def reload(data_dir: Path | None) -> None:
    """Have the instances on the data folder read the statements of their SQL_DIR again.

    Each takes all of them or none. Exit status 1 if one did not, or a worker has not answered.
    """
    folder = current_settings(data_dir).data_dir
    answers = [told for path in sorted(folder.glob(DOORS)) if (told := _ask(path)) is not None]
    if not answers:
        raise NoInstance(f"no instance with SQL_DIR runs on the data folder {folder}")
    for told in answers:
        click.echo(told, err=not told.is_good)
    if not all(told.is_good for told in answers):
        sys.exit(1)


def _ask(path: Path) -> Told | None:
    """What the instance behind a socket says; None if it has been killed, and the socket is all that is left."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWER_WAIT_S)
        try:
            with short_name(path) as name:
                line.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return None
        with line.makefile("rb") as answer:
            said = answer.read(MAX_BYTES)
    if not said:
        raise NoInstance(f"the instance behind {path} ended before it answered")
    return Told(**json.loads(said))
