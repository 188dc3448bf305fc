"""Parts of Markdown files that programs write, between two comments."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from .versions import ROOT


def write_section(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`; ValueError without them."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found_begin, rest = path.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{path} has no lines {begin} and {end}")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")


def circumstances(load_before: float) -> str:
    """A line on the machine and the moment of a run; `load_before`: the load average at its start."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%h"], check=False, capture_output=True, text=True
    ).stdout.strip()
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}, {len(os.sched_getaffinity(0))} cores, "
        f"Python {platform.python_version()}; load average before the run: {load_before:.1f}."
    )
