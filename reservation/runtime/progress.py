"""The progress of a long command on stderr: a bar on a terminal, else a line for each tenth."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_STEPS = 10


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the number of items done since its last call."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines(what, total)
        return
    with _bar(console, what, total) as advance:
        yield advance


@contextmanager
def quiet_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Like `progress`, but no lines where stderr is not a terminal; None for an unknown total."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with _bar(console, what, total) as advance:
        yield advance


@contextmanager
def _bar(console: Console, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _plain_lines(what: str, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        step = done * PLAIN_STEPS // total
        done += count
        if done * PLAIN_STEPS // total > step:
            print(f"{done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    return advance
