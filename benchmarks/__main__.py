"""`python -m benchmarks`: run all scenarios, or some."""

import json
import shutil
import signal
import sys
import time
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import FrameType

import click

from reservation.embedded import EmbeddedError

from . import machine, pgbench, plots, report
from .bench import Bench, Plan, say
from .by_hand import stay_up
from .records import BenchmarkFailed
from .stand import running_stand
from .versions import BASELINE

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "RESULTS.md"
SHORT_RESULTS = ROOT / ".data" / "bench-short.md"
# Required programs and their Debian packages; PostgreSQL's wheel has a pgbench.
NEEDED = {"wrk": "wrk", "redis-benchmark": "redis-tools", "pgbench": "postgresql"}
SCENARIOS = (
    "against",
    "showtimes",
    "statements",
    "bookings",
    "maps",
    "idempotency",
    "payment",
    "latency",
    "cold",
    "volume",
    "onsale",
    "overload",
    "arena",
    "live",
    "cycles",
    "logins",
    "memory",
    "sweep",
    "storage",
)
SCENARIOS_SHORT = ("against", "statements", "bookings", "maps", "cold")
FULL, SHORT = (3, 2.0), (2, 1.0)  # repetitions, seconds


@click.command()
@click.option("--only", default="", help=f"Some of these, separated by commas: {', '.join(SCENARIOS)}.")
@click.option("--repetitions", type=click.IntRange(1), help="Repetitions of everything, interleaved.")
@click.option("--seconds", type=click.FloatRange(1.0), help="Seconds of each run.")
@click.option("--short", is_flag=True, help="A quick look; the report goes to .data/bench-short.md.")
@click.option(
    "--against", default=BASELINE, metavar="REV", help=f"Commit that `against` runs beside this tree [{BASELINE}]."
)
@click.option("--by-hand", type=click.IntRange(1), metavar="WORKERS", help="Measure nothing: keep all servers running.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the service.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench", help="Folder of the servers' data."
)
def main(
    only: str,
    repetitions: int | None,
    seconds: float | None,
    short: bool,
    against: str,
    by_hand: int | None,
    settings: tuple[str, ...],
    data_dir: Path,
) -> None:
    """Measure the service beside its peers."""
    names = [name.strip() for name in only.split(",") if name.strip()] or list(SCENARIOS_SHORT if short else SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise click.UsageError(f"there is no {unknown[0]}: choose from {', '.join(SCENARIOS)}")
    signal.signal(signal.SIGTERM, _end)
    default = SHORT if short else FULL
    plan = Plan(
        repetitions or default[0], seconds or default[1], short, dict(text.split("=", 1) for text in settings), against
    )
    try:
        require_programs()
        with running_stand(data_dir.absolute()) as stand:
            bench = Bench(stand, plan)
            if by_hand is not None:
                stay_up(bench, workers=by_hand)
            elapsed_s, failed = run_scenarios(bench, names)
            if not only:
                _write(bench, elapsed_s)
        if failed:
            sys.exit(f"benchmarks: failed: {', '.join(failed)}")
    except (BenchmarkFailed, EmbeddedError) as failure:
        sys.exit(f"benchmarks: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


def require_programs() -> None:
    """Exit with one line if a program is missing, before anything starts."""
    found = {name: pgbench.program() if name == "pgbench" else shutil.which(name) for name in NEEDED}
    missing = [name for name in NEEDED if found[name] is None]
    if missing:
        packages = " ".join(NEEDED[name] for name in missing)
        sys.exit(f"benchmarks: {' and '.join(missing)} not found: apt-get install {packages}")


def run_scenarios(bench: Bench, names: list[str]) -> tuple[float, list[str]]:
    """Run the scenarios and print the figures; return the seconds it took, and the scenarios that failed."""
    began, failed = time.monotonic(), []
    for name in names:
        say(f"\n== {name} ({time.monotonic() - began:.0f} s)")
        try:
            import_module(f"benchmarks.scenarios.{name}").run(bench)
        except Exception as failure:
            if not isinstance(failure, BenchmarkFailed):
                traceback.print_exc()
            say(f"{name} failed: {failure}")
            bench.records.notes.append(f"**The scenario {name} failed**: {str(failure).partition(chr(10))[0]}")
            failed.append(name)
    say(f"\n{report.summary(bench.records.figures)}\n{report.figures_table(bench.records.figures)}")
    return time.monotonic() - began, failed


def _write(bench: Bench, elapsed_s: float) -> None:
    """Write the report, the raw numbers and the plots; for a short run the report only."""
    plan, facts = bench.plan, machine.describe(bench.stand, against=bench.plan.against)
    words = f"{plan.repetitions} repetitions, interleaved, of {plan.seconds:g} s each"
    text = report.render(bench.records, facts, elapsed_s=elapsed_s, plan=words, plots=not plan.short)
    path = SHORT_RESULTS if plan.short else RESULTS
    path.write_text(text)
    if not plan.short:
        raw = {"machine": facts, "plan": asdict(plan), **bench.records.as_json()}
        RESULTS.with_name("results.json").write_text(json.dumps(raw, indent=1) + "\n")
        plots.write(bench.records, RESULTS.with_name("plots"))
    say(f"written to {path}")


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
