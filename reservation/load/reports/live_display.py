"""Progress of a run: a line that is replaced each second on a terminal, a new line every few seconds elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from ..client import Client
from ..measurements import Measurements

PLAIN_EVERY_S = 5


@contextmanager
def live_display(measurements: Measurements, client: Client, duration_s: float) -> Iterator[Callable[[int], None]]:
    """Give a function to be called once a second with the number of seconds gone."""

    def line(second: int) -> str:
        row = measurements.seconds[second - 1]
        return (
            f"{second:>5} of {duration_s:g} s  offered {row.offered:,}/s  answered {row.answered:,}/s  "
            f"in flight {client.in_flight:,}  p50 {row.p50_ms:,.1f} ms  p99 {row.p99_ms:,.1f} ms  "
            f"refused {row.refused:,}  errors {row.errors:,}  dropped {row.dropped:,}  late {row.latest_ms:,.1f} ms"
        )

    def print_line(second: int) -> None:
        if second % PLAIN_EVERY_S == 0 and second <= duration_s:
            print(line(second), flush=True)

    console = Console()
    if not console.is_terminal:
        yield print_line
        return
    # Not refreshed by a thread of its own: drawing takes milliseconds, in which no arrival is sent.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda second: live.update(line(second), refresh=True)
