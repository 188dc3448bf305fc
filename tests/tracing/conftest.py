"""A collector, and the lines of the logs."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from reservation.runtime import logs
from reservation.runtime.logs import configure_logs
from tests.tracing.collector import Collector, collecting


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with collecting() as collector:
        yield collector


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The output of all other logs."""
    written, root = io.StringIO(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr(logs, "standard_error", lambda: written)
    configure_logs("error")
    yield written
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
