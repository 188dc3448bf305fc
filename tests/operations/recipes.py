"""Takes the shell commands out of a page of docs/operations and runs them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from reservation.embedded.postgresql import MAP_TO_NOBODY
from tests.programs import missing

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "operations"
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
LIMIT_S = 300.0
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def as_postgres() -> list[str]:
    """The start of a command that PostgreSQL's programs need: they refuse to run as root."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    allowed = unshare and subprocess.run([unshare, *MAP_TO_NOBODY, "true"], check=False).returncode == 0
    if unshare is None or not allowed:
        missing("PostgreSQL refuses root, and this machine allows no user namespace")
    return [str(unshare), *MAP_TO_NOBODY]


def commands(page: str, heading: str) -> str:
    """All ```sh blocks under a heading of a page, up to the next heading."""
    text = (PAGES / page).read_text()
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    blocks = _BLOCK.findall(rest.partition("\n## ")[0])
    assert blocks, f"no commands under {heading!r} of {page}"
    return "\n".join(blocks)


def run(page: str, heading: str, programs: Path, variables: Mapping[str, str]) -> str:
    """Run the commands under a heading with `programs` first on the PATH; what they print. A failure fails the test."""
    path = f"{programs}:{Path(sys.executable).parent}:{os.defpath}:/usr/bin:/bin"
    done = subprocess.run(
        [*as_postgres(), "/bin/bash", "-euo", "pipefail", "-c", commands(page, heading)],
        env={"PATH": path, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "PGHOST": "127.0.0.1", **variables},
        cwd=variables.get("BACKUP"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{heading}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
