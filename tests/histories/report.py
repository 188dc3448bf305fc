"""What a drill prints: its faults, the promises that were broken, and the requests around the first of them."""

from collections.abc import Iterator

from tests.histories.drill import Outcome
from tests.histories.history import clock

SHOWN = 20
BEFORE_S, AFTER_S = 4.0, 0.5  # of the first broken promise


def report(outcome: Outcome) -> Iterator[str]:
    """Lines of text."""
    for window in outcome.history.faults:
        when = f"{clock(window.start)} to {clock(window.healed)}"
        yield f"    {when} {window.name}: recovered in {window.recovered - window.healed:.1f} s"
    violations = sorted(outcome.violations, key=lambda broken: broken.at)
    for broken in violations[:SHOWN]:
        yield f"    BROKEN {clock(broken.at)} {broken.kind}: {broken.what}"
    if violations:
        first = violations[0].at
        for request in sorted(outcome.history.requests, key=lambda each: each.end):
            if first - BEFORE_S <= request.end <= first + AFTER_S:
                yield f"        {request}"
