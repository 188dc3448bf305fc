"""How long each recipe keeps customers from buying, as a table at the end of the run."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

PROPERTY = "sales stopped"


class Stop:
    """The time from the commands that stop sales to the first sale after them."""

    def __init__(self, record: Callable[[str, Any], None]) -> None:
        self._record, self._began = record, 0.0

    def begins(self) -> None:
        """Sales stop now."""
        self._began = monotonic()

    def ends(self, recipe: str) -> None:
        """The service has sold again."""
        self._record(PROPERTY, [recipe, round(monotonic() - self._began, 1)])


@pytest.fixture
def stop(record_property: Callable[[str, Any], None]) -> Stop:
    """Measures how long sales stop, for the table at the end of the run."""
    return Stop(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    rows = [
        value
        for report in terminalreporter.stats.get("passed", ())
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY and isinstance(value, list)
    ]
    if rows:
        terminalreporter.section("how long sales stop, on a small database")
        terminalreporter.write_line("| recipe | seconds without sales |\n|---|--:|")
        for recipe, seconds in rows:
            terminalreporter.write_line(f"| {recipe} | {seconds} |")
