"""The progress of a long command on stderr: a bar on a terminal, else a line for each tenth if wanted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_STEPS = 10

Advance = Callable[[int], None]


@contextmanager
def progress(what: str, total: int | None, *, plain_lines: bool = False) -> Iterator[Advance]:
    """Yield a function to call with the number of items done since its last call; None for an unknown total.

    Where stderr is not a terminal, it prints lines with `plain_lines`, which needs a total, and otherwise nothing.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines(what, total) if plain_lines and total else lambda _: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _plain_lines(what: str, total: int) -> Advance:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        step = done * PLAIN_STEPS // total
        done += count
        if done * PLAIN_STEPS // total > step:
            print(f"{done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    return advance
