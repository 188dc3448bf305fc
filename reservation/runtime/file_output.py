"""The output of a command: a file that is replaced as a whole, a device or pipe, or standard output."""

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

CLOSED_PIPE = 128 + signal.SIGPIPE  # the exit status of a process that SIGPIPE ended


@contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """A stream to the file, or to standard output if it is "-"; raises OSError.

    A file is replaced when the block ends, and stays as it was if the block raises. A pipe that its reader closed ends
    the command without a message.
    """
    try:
        if path == "-":
            with _standard_output() as stream:
                yield stream
        elif _is_special(path):
            with open(path, "wb") as stream:
                yield stream
        else:
            with _replacement(Path(path).resolve()) as stream:
                yield stream
    except BrokenPipeError:
        sys.exit(CLOSED_PIPE)


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError:
        # Otherwise Python writes the rest of the buffer at its exit, and prints the error.
        with suppress(OSError, ValueError):  # a stream without a descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _is_special(path: str) -> bool:
    """Whether it is a device, a pipe or the like, which a file must not replace."""
    return os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)


@contextmanager
def _replacement(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside this one, which takes its name and permissions when the block ends."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    name = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        # Created with at most the permissions that it is to have; the umask may take some away.
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
    except OSError as error:  # it names the temporary file
        raise OSError(error.errno, error.strerror, str(path)) from error
    stream = os.fdopen(descriptor, "wb")
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        yield stream
        stream.flush()
        os.fsync(descriptor)
        stream.close()
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):  # a full disk fails the flush of its buffer, too
            stream.close()
        name.unlink()
        raise
