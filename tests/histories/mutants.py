"""Faults that are planted into the service, to prove that the drill finds them: `make drill-mutants`.

The service runs from a copy of its files in which one piece of text is replaced.
"""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.histories.drill import Outcome
from tests.histories.rounds import Round, missing, run
from tests.histories.stands import ROOT

COPIED = ("reservation", "sql", "migrations")
TRIES = 4  # rounds with other seeds: which requests meet is chance


@dataclass(frozen=True, slots=True)
class Mutant:
    """Replacements in files, and the faults under which they break a promise of one of these kinds."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    faults: Round
    breaks: frozenset[str]


def _mutant(name: str, stand: str, count: int, only: str, breaks: str, *changes: tuple[str, str, str]) -> Mutant:
    return Mutant(name, changes, Round(stand, 1, count, only), frozenset(breaks.split(", ")))


SLOW = "the network to PostgreSQL is slow"
MUTANTS = [
    _mutant(
        # Not that of a confirm: without it, reservations_cancelled_at_check refuses what it would break.
        "a cancel does not lock its reservation",
        "external",
        6,
        SLOW,
        "lost, stale map, other",
        ("sql/reservations/lock_reservation.sql", "is not null\nfor no key update of r;", "is not null;"),
    ),
    _mutant(
        "a confirm does not check that it got all seats",
        "external",
        10,
        "the network to PostgreSQL loses answers",
        "sold twice, lost",
        (
            "sql/reservations/confirm.sql",
            ") is not null\n),\n\n-- For each",
            ") is not null and false\n),\n\n-- For each",
        ),
        ("sql/reservations/confirm.sql", "            ) = (\n", "            ) <= (\n"),
    ),
    _mutant(
        "the end of a hold is not compared with that of its keys in Redis",
        "external",
        6,
        "PostgreSQL stands still",
        "overlapping hold",
        (
            "reservation/booking/redis_lease.py",
            "now - self.sent_at <= UNVERIFIED_S and self.ends >= now + life_s + CLOCKS_DIFFER_S and",
            "now > 0 and life_s > 0 and",
        ),
    ),
    _mutant(
        "Redis's run_id is not compared after a restart",
        "external",
        5,
        "Redis comes back with old data",
        "stale map, overlapping hold",
        ("reservation/holds/lua/detect_restart.lua", "-- include forget_showtimes\n", ""),
    ),
    _mutant(
        "a cancel releases its seats in Redis before its commit",
        "external",
        6,
        SLOW,
        "stale map",
        (
            "reservation/booking/cancel.py",
            "        left = await _find(conn, asked, locked)\n    if locked",
            "        left = await _find(conn, asked, locked)\n"
            "        early = HoldRelease(locked.showtime_id, asked.reservation_id, seat_ids)\n"
            "        await context.pending_updates.release([early])\n    if locked",
        ),
        (
            "reservation/booking/cancel.py",
            "release([HoldRelease(locked.showtime_id, asked.reservation_id, seat_ids)])\n    return left",
            "release([])\n    return left",
        ),
    ),
    _mutant(
        "a cached map is not read again after every second change",
        "embedded",
        3,
        "connections to PostgreSQL are ended",
        "stale map",
        ("reservation/seatmap/seat_maps.py", "kept.version == version", "kept.version >= version - version % 2"),
    ),
    _mutant(
        "an extension answers a later end than it stores",
        "embedded",
        3,
        "connections to PostgreSQL are ended",
        "overlapping hold",
        (
            "reservation/booking/extend.py",
            "from time import monotonic\n",
            "import datetime\nfrom time import monotonic\n",
        ),
        (
            "reservation/booking/extend.py",
            "answered=answered)\n    return extended\n",
            "answered=answered)\n    extended.expires_at += datetime.timedelta(seconds=1)\n    return extended\n",
        ),
    ),
    _mutant(
        "a cancel is answered before its commit",
        "embedded",
        3,
        "connections to PostgreSQL are ended",
        "lost",
        (
            "reservation/booking/cancel.py",
            "        return await _cancel_and_release(context, asked)\n    except NotFound:",
            "        import asyncio\n        from .lookup import find\n"
            "        found = await find(context.database, user_id=user_id, reservation_id=reservation_id)\n"
            "        async def later():\n            await asyncio.sleep(0.1)\n"
            "            await _cancel_and_release(context, asked)\n"
            "        TASKS.add(asyncio.ensure_future(later()))\n"
            '        found.status = "cancelled"\n        return found\n    except NotFound:',
        ),
        (
            "reservation/booking/cancel.py",
            'CUSTOMER = Canceller("customer")\n',
            'CUSTOMER = Canceller("customer")\nTASKS = set()\n',
        ),
    ),
    _mutant(
        "a confirm does not wait until its commit is on disk",
        "external",
        6,
        "PostgreSQL is killed",
        "lost",
        ("sql/ops/commit_durably.sql", "'synchronous_commit', 'on'", "'synchronous_commit', 'off'"),
        ("sql/ops/commit_durably.sql", "= 'off'", "= 'on'"),
    ),
]


@contextmanager
def planted(mutant: Mutant) -> Iterator[Path]:
    """A folder with the service's files, changed."""
    with TemporaryDirectory(prefix="reservation-mutant.") as folder:
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        for file, old, new in mutant.changes:
            path = Path(folder, file)
            text = path.read_text()
            if text.count(old) != 1:
                raise ValueError(f"{mutant.name}: {file} has this {text.count(old)} times: {old!r}")
            path.write_text(text.replace(old, new))
        yield Path(folder)


def find(mutant: Mutant) -> tuple[Outcome, Round]:
    """Run rounds with other seeds until one finds the mutant; gives the last outcome, and its round."""
    with planted(mutant) as tree:
        for seed in range(1, TRIES + 1):
            each = mutant.faults._replace(seed=seed)
            outcome = run(each, tree)
            if is_found(mutant, outcome):
                break
    return outcome, each


def is_found(mutant: Mutant, outcome: Outcome) -> bool:
    """Whether a promise of the expected kind was broken."""
    return any(broken.kind in mutant.breaks for broken in outcome.violations)


def main() -> int:
    """Print for each mutant what found it; 1 if one survives."""
    wanted = sys.argv[1:]
    survivors = 0
    for mutant in MUTANTS:
        if wanted and not any(part in mutant.name for part in wanted):
            continue
        if why := missing(mutant.faults.stand):
            print(f"not run: {mutant.name}: {why}")
            continue
        began = time.monotonic()
        outcome, each = find(mutant)
        kinds = Counter(broken.kind for broken in outcome.violations)
        found = (
            ", ".join(f"{count} {kind}" for kind, count in kinds.items()) if is_found(mutant, outcome) else "SURVIVES"
        )
        survivors += not is_found(mutant, outcome)
        print(f"{mutant.name}: {found} (round {each.seed}, {time.monotonic() - began:.0f} s)", flush=True)
        for broken in outcome.violations[:1]:
            print(f"    {broken.kind}: {broken.what}", flush=True)
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
