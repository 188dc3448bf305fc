"""Where a command writes what it was asked for: a file that is there whole or not at all, or whatever else there is."""

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

CLOSED_PIPE = 128 + signal.SIGPIPE  # what a shell says of the others in a pipeline whose end has seen enough


@contextmanager
def output(path: str) -> Iterator[BinaryIO]:
    """A stream for the file, or for standard output where it is "-".

    A file gets its new content at the end, in one step: until then, and when an exception ends this, it has its old
    one. A pipe that its reader has closed ends the command without a word. Raises OSError.
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
        # Python would try to write the rest of it at its end, and complain.
        with suppress(OSError, ValueError):  # it has no descriptor: there is nothing to be written
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _is_special(path: str) -> bool:
    """Whether it is a device, a pipe or the like, in whose place no file can be put."""
    return os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)


@contextmanager
def _replacement(path: Path) -> Iterator[BinaryIO]:
    """A file beside the other one, which gets its name, and its permissions, when it is complete."""
    try:
        descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:  # it names a file that nobody has heard of
        raise OSError(error.errno, error.strerror, str(path)) from error
    stream = os.fdopen(descriptor, "wb")
    try:
        os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        yield stream
        stream.flush()
        os.fsync(descriptor)
        stream.close()
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):  # what is left in its buffer finds no room either
            stream.close()
        os.unlink(name)
        raise


def _umask() -> int:
    """What new files are kept from; it can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
