"""`python -m tests.mutations`: runs the tests on each mutant, and names those that survive (`make mutants`)."""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutations.mutant import Mutant
from tests.mutations.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
COPIED = ("reservation", "sql", "migrations", "tests", "pyproject.toml", "setup.cfg")
HEAD = "| what is wrong | file | outcome |\n|---|---|---|"
NOTES = """# Mutations of SQL and Lua

`make mutants` leaves out one condition, lock or order at a time and runs the tests that should notice. A mutant is
killed if one of them fails.

"""


def main() -> int:
    """Print a line for each mutant and write the table; 1 if one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations")
    parser.add_argument("parts", nargs="*", help="of the names of mutants, or of their files; without any, all")
    parser.add_argument("--out", type=Path, help="where to write the table")
    options = parser.parse_args()
    lines, survivors = [HEAD], 0
    for mutant in MUTANTS:
        if options.parts and not any(part in mutant.name + mutant.file for part in options.parts):
            continue
        began = time.monotonic()
        outcome = run(mutant)
        survivors += outcome == SURVIVES
        lines.append(f"| {mutant.name} | `{mutant.file}` | {outcome} |")
        print(f"{mutant.name}: {outcome} ({time.monotonic() - began:.0f} s)", flush=True)
        if options.out is not None:
            options.out.write_text(NOTES + "\n".join(lines) + "\n")
    return int(survivors > 0)


SURVIVES = "**survives**"


def run(mutant: Mutant) -> str:
    """Run the tests in a copy of the repository; the test that fails, or that none does."""
    with TemporaryDirectory(prefix="reservation-mutant.") as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        plant(mutant, Path(folder))
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    failed = [line.split()[1].partition("::")[2] for line in ended.stdout.splitlines() if line.startswith("FAILED")]
    if ended.returncode == 1 and failed:
        return f"killed by `{failed[0].partition('[')[0]}`"
    if ended.returncode == 0:
        return SURVIVES
    raise RuntimeError(
        f"{mutant.name}: pytest ended with {ended.returncode}: {ended.stdout[-1000:]}{ended.stderr[-500:]}"
    )


def plant(mutant: Mutant, folder: Path) -> None:
    """Change the file; raises ValueError unless it has the text once."""
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has this {text.count(mutant.old)} times: {mutant.old!r}")
    path.write_text(text.replace(mutant.old, mutant.new))


if __name__ == "__main__":
    sys.exit(main())
