"""The costs of faults that tests record, as a table at the end of the run."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from tests.ha.costs import Cost, RecordCost, table

PROPERTY = "cost of a fault"


@pytest.fixture
def record_cost(record_property: Callable[[str, Any], None]) -> RecordCost:
    """Adds a row to the table at the end of the run; call it before the test's assertions, which may fail."""
    return lambda cost: record_property(PROPERTY, asdict(cost))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, also of tests that failed."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    costs = [
        Cost(**value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY and isinstance(value, dict)
    ]
    if costs:
        terminalreporter.section("costs of faults")
        terminalreporter.write_line(table(costs))
