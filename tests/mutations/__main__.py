"""`python -m tests.mutations`: runs the tests on each mutant, and names those that survive (`make mutants`)."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutations.mutant import Mutant
from tests.mutations.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
# Of the repository, all that tests read is copied.
LEFT_OUT = (".git", ".venv", ".data", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis")
SURVIVES, ERROR, FAILS = "**survives**", "**error**", " fails"
HEAD = "| what is wrong | file | outcome |\n|---|---|---|"
NOTES = """# Mutations of SQL and Lua

`make mutants` leaves out one condition, lock or order at a time and runs the tests that should notice. A mutant is
killed if one of them fails that passes without it: each set of tests is run once on the unchanged files.

"""


def main() -> int:
    """Print a line for each mutant and write the table; 1 if one survives, or cannot be judged."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations")
    parser.add_argument("parts", nargs="*", help="of the names of mutants, or of their files; without any, all")
    parser.add_argument("--out", type=Path, help="where to write the table")
    options = parser.parse_args()
    lines, left, runs = [HEAD], 0, Runs(ROOT)
    for mutant in MUTANTS:
        if options.parts and not any(part in mutant.name + mutant.file for part in options.parts):
            continue
        began = time.monotonic()
        outcome = runs.outcome(mutant)
        left += outcome.startswith((SURVIVES, ERROR))
        lines.append(f"| {mutant.name} | `{mutant.file}` | {outcome} |")
        print(f"{mutant.name}: {outcome} ({time.monotonic() - began:.0f} s)", flush=True)
        if options.out is not None:
            options.out.write_text(NOTES + "\n".join(lines) + "\n")
    return int(left > 0)


class Runs:
    """Runs of tests on mutants, and of each set of tests once without any: what fails anyway kills none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unchanged: dict[tuple[str, ...], str] = {}

    def outcome(self, mutant: Mutant) -> str:
        """The test that fails on the mutant alone; SURVIVES if none does, and what begins with ERROR if all is moot."""
        if mutant.tests not in self._unchanged:
            self._unchanged[mutant.tests] = self._run(mutant.tests, None)
        if failed := self._unchanged[mutant.tests]:
            return f"{ERROR}: {failed} without the mutant, too"
        failed = self._run(mutant.tests, mutant)
        if not failed:
            return SURVIVES
        return f"killed by {failed.removesuffix(FAILS)}" if failed.endswith(FAILS) else f"{ERROR}: {failed}"

    def _run(self, tests: tuple[str, ...], mutant: Mutant | None) -> str:
        """What fails in a copy of the repository; nothing if all passes."""
        with TemporaryDirectory(prefix="reservation-mutant.") as folder:
            copy = Path(folder, "copy")
            shutil.copytree(self._root, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
            if mutant is not None:
                plant(mutant, copy)
            ended = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
                cwd=copy,
                env={**os.environ, "PYTHONPATH": str(copy)},  # also for the processes that tests start
                capture_output=True,
                text=True,
                check=False,
            )
        if ended.returncode == 0:
            return ""
        lines = ended.stdout.splitlines()
        failed = [line.split()[1].partition("::")[2] for line in lines if line.startswith("FAILED")]
        if ended.returncode == 1 and failed:
            return f"`{failed[0].partition('[')[0]}`{FAILS}"
        print(f"{ended.stdout[-1000:]}{ended.stderr[-500:]}", file=sys.stderr)
        return f"pytest ended with {ended.returncode}"


def plant(mutant: Mutant, folder: Path) -> None:
    """Change the file; raises ValueError unless it has the text once."""
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has this {text.count(mutant.old)} times: {mutant.old!r}")
    path.write_text(text.replace(mutant.old, mutant.new))


if __name__ == "__main__":
    sys.exit(main())
