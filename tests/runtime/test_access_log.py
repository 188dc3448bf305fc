"""The access log's lines: each is one JSON object, whatever the path; they are written in blocks."""

import asyncio
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from time import time
from typing import Any

from hypothesis import example, given, settings, strategies as st

from reservation.runtime import access_log
from reservation.runtime.access_log import FLUSH_CHARS, AccessLog

SPANS = ("0.00", "1.25", "0.50", "12.34")
texts = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates, controls and all
ODD = ('"', "\\", "\n", "\r\n", "\t", "\0", "\x7f", "\x1b[31m", "é", "🎬", "\u2028", "\ud800", "%22", "</script>", "")


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    text = stream.getvalue()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_line_has_these_members() -> None:
    stream = io.StringIO()
    log = AccessLog(stream.write)
    before = time()
    log.add("GET", "/movies", 200, SPANS, "an-id")
    log.flush()
    [line] = lines_of(stream)
    timestamp = line.pop("timestamp")
    assert line == {
        "event": "request",
        "method": "GET",
        "path": "/movies",
        "status": 200,
        "ms": 12.34,
        "pool_ms": 0.0,
        "postgresql_ms": 1.25,
        "redis_ms": 0.5,
        "level": "info",
        "logger": "reservation.http",
        "request_id": "an-id",
    }
    assert timestamp.endswith("Z")
    assert before - 0.001 <= datetime.fromisoformat(timestamp).timestamp() <= time()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(odd=st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
@example(odd=[(text, f"/a{text}b") for text in ODD])
def test_any_path_makes_one_line_of_json(odd: list[tuple[str, str]]) -> None:
    async def write() -> list[dict[str, Any]]:
        stream = io.StringIO()
        log = AccessLog(stream.write)
        for method, path in odd:
            log.add(method, path, 404, SPANS, "an-id")
        log.flush()
        return lines_of(stream)

    written = [(line["method"], line["path"]) for line in asyncio.run(write())]
    assert written == [(sendable(method), sendable(path)) for method, path in odd]


def sendable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot encode, replaced."""
    return text.encode(errors="replace").decode()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(now=st.floats(0, 4_000_000_000) | st.integers(0, 10**9).map(lambda steps: 1_700_000_000 + steps / 1024))
@example(now=1_700_000_000.0)
@example(now=1_700_000_000.9999999)
@example(now=1_700_000_000.0000005)
def test_a_timestamp_is_exact_to_the_microsecond(now: float) -> None:
    text = access_log._timestamp(now)
    assert len(text) == len("2026-01-31T12:00:00.000000Z")
    assert abs(datetime.fromisoformat(text).timestamp() - now) < 0.000_002
    assert datetime.fromisoformat(text).tzinfo == UTC


async def test_lines_are_written_together_after_a_moment() -> None:
    stream = io.StringIO()
    log = AccessLog(stream.write)
    for number in range(3):
        log.add("GET", f"/{number}", 200, SPANS, "an-id")
        log.add("GET", f"/{number}", 200, SPANS, "an-id")
        assert len(lines_of(stream)) == 2 * number  # collected, not written one by one
        await until(lambda: len(lines_of(stream)) == 2 * number + 2)  # noqa: B023


async def test_a_full_block_is_written_at_once() -> None:
    stream = io.StringIO()
    log = AccessLog(stream.write)
    many = 0
    while not stream.getvalue():
        log.add("GET", "/movies", 200, SPANS, "an-id")
        many += 1
        assert many < FLUSH_CHARS
    assert len(lines_of(stream)) == many
    assert FLUSH_CHARS <= len(stream.getvalue()) < FLUSH_CHARS + 1000
    log.add("GET", "/last", 200, SPANS, "an-id")
    await until(lambda: lines_of(stream)[-1]["path"] == "/last")
    assert len(lines_of(stream)) == many + 1


async def test_every_line_is_written_once() -> None:
    stream = io.StringIO()
    log = AccessLog(stream.write)
    for number in range(2000):
        log.add("GET", f"/{number}", 200, SPANS, "an-id")
        if number % 700 == 0:
            log.flush()
    log.flush()
    log.flush()
    assert log._flushing is None  # nothing else is going to be written
    assert [line["path"] for line in lines_of(stream)] == [f"/{number}" for number in range(2000)]
