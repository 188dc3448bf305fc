"""Lines on their way to a stream: a stalled or failing stream never blocks the caller, and lost lines are counted."""

import fcntl
import io
import json
import os
import threading
from typing import Any

from reservation.runtime.log_output import MAX_WAITING_CHARS, LogOutput

LINE = json.dumps({"event": "request", "path": "/" + "x" * 960}) + "\n"
LONGEST_S = 20.0


class Failing(io.RawIOBase):
    """A stream that writes at most ten bytes at a time, or nothing while it is full."""

    def __init__(self) -> None:
        self.is_full = False
        self.written = b""

    def write(self, data: Any) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.written += bytes(data[:10])
        return min(len(data), 10)


def test_a_pipe_that_is_not_read_blocks_no_caller_and_lost_lines_are_counted() -> None:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    output = LogOutput(io.FileIO(write_end, "wb"))
    many = 2 * MAX_WAITING_CHARS // len(LINE)
    for _ in range(many):
        output.write(LINE)  # would not return if it wrote to the pipe
        assert output._waiting_chars <= MAX_WAITING_CHARS
    assert not output.drain(0)

    events, lost = [], 0
    with open(read_end, "rb") as reader:
        while not lost:
            line = json.loads(reader.readline())
            events.append(line["event"])
            lost = line.get("lines", 0)
        output.write(LINE)
        while len(events) - 1 + lost < many + 1:
            events.append(json.loads(reader.readline())["event"])
    assert output.drain(LONGEST_S)
    assert lost > many / 3
    assert events.count("log_lines_dropped") == 1
    assert events.count("request") + lost == many + 1


class Counting(io.FileIO):
    """Counts the writes."""

    writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        return super().write(data)


def test_a_full_non_blocking_pipe_is_waited_for_without_a_busy_loop() -> None:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write_end, False)
    stream = Counting(write_end, "wb")
    output = LogOutput(stream)
    many = 100
    output.write(LINE * many)
    assert not output.drain(0.5)
    with open(read_end, "rb") as reader:
        assert reader.read(many * len(LINE)) == LINE.encode() * many
    assert output.drain(LONGEST_S)
    assert stream.writes < 10 * many


def test_a_full_disk_costs_the_lines_of_that_time_and_says_how_many() -> None:
    stream = Failing()
    output = LogOutput(stream)
    output.write('{"event":"first"}\n')
    assert output.drain(LONGEST_S)
    stream.is_full = True
    for _ in range(3):
        output.write('{"event":"lost"}\n')
    assert output.drain(LONGEST_S)
    stream.is_full = False
    output.write('{"event":"kept"}\n')
    assert output.drain(LONGEST_S)
    lines = [json.loads(line) for line in stream.written.decode().splitlines()]
    assert [line["event"] for line in lines] == ["first", "kept", "log_lines_dropped"]
    assert lines[-1]["lines"] == 3


def test_a_closed_stream_keeps_nothing_waiting() -> None:
    stream = Failing()
    output = LogOutput(stream)
    stream.close()
    stream.is_full = True
    for _ in range(1000):
        output.write(LINE)
    assert output.drain(LONGEST_S)
    assert not output._waiting


def test_lines_of_several_threads_are_written_whole() -> None:
    stream = Failing()
    output = LogOutput(stream)

    def write() -> None:
        for _ in range(200):
            output.write('{"of":"a thread"}\n')

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert output.drain(LONGEST_S)
    assert stream.written == b'{"of":"a thread"}\n' * 600
