"""Progress of a run: a live table on a terminal, a line every few seconds elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from .client import Client
from .measurements import Measurements

PLAIN_EVERY_S = 5


@contextmanager
def live_display(measurements: Measurements, client: Client, duration_s: float) -> Iterator[Callable[[int], None]]:
    """Give a function to be called once a second with the number of seconds gone."""
    console = Console()
    if not console.is_terminal:

        def plain(second: int) -> None:
            if second % PLAIN_EVERY_S == 0 and second <= duration_s:
                print(_line(measurements, client, second), flush=True)

        yield plain
        return
    # Not refreshed by a thread of its own: drawing takes milliseconds, in which no arrival is sent.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda second: live.update(_table(measurements, client, second, duration_s), refresh=True)


def _line(measurements: Measurements, client: Client, second: int) -> str:
    row = measurements.seconds[second - 1]
    return (
        f"{second:>5} s  offered {row.offered:>6,}/s  answered {row.answered:>6,}/s  in flight {client.in_flight:>5,}  "
        f"p50 {row.p50_ms:,.1f} ms  p99 {row.p99_ms:,.1f} ms  refused {row.refused:,}  errors {row.errors:,}"
        + (f"  dropped {row.dropped:,}" if row.dropped else "")
    )


def _table(measurements: Measurements, client: Client, second: int, duration_s: float) -> Table:
    row = measurements.seconds[second - 1]
    classes: dict[str, int] = {}
    for (_, status, code), count in measurements.outcomes.items():
        kind = f"{status // 100}xx" if status else code
        classes[kind] = classes.get(kind, 0) + count
    p50, p99 = measurements.all.several_ms([50.0, 99.0])
    table = Table.grid(padding=(0, 2))
    table.add_row("elapsed", f"{second} of {duration_s:g} s", "in flight", f"{client.in_flight:,}")
    table.add_row("offered", f"{row.offered:,}/s", "answered", f"{row.answered:,}/s")
    table.add_row("p50 so far", f"{p50:,.1f} ms", "p99 so far", f"{p99:,.1f} ms")
    table.add_row("refused", f"{measurements.refused:,}", "errors", f"{sum(measurements.errors.values()):,}")
    table.add_row("late by p99", f"{measurements.lateness.ms(99.0):,.2f} ms", "dropped", f"{measurements.dropped:,}")
    table.add_row("answers", "  ".join(f"{kind} {count:,}" for kind, count in sorted(classes.items())))
    return table
