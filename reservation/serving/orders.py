"""What the supervisor tells its workers about their statements, and what they answer: two short words each way.

A change is taken by all workers or by none: each is told to prepare it, and then, if all of them could, to swap, which
cannot fail. A worker that falls in between is replaced by one that begins with what the others have.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Literal, TypeAlias

TICK_S = 0.2

Word: TypeAlias = Literal["prepare", "swap", "drop"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do, and in which of the supervisor's rounds."""

    round: int
    word: Word


@dataclass(frozen=True, slots=True)
class Reply:
    """Done, with the digest of what was read, or else the fault."""

    round: int
    digest: str = ""
    fault: str | None = None


def digest_of(statements: Mapping[str, str]) -> str:
    """Tell one set of statements from another."""
    return hashlib.sha256(repr(sorted(statements.items())).encode()).hexdigest()


def ask(
    lines: Mapping[str, Connection], order: Order, *, wait_s: float, gives_up: Callable[[], bool]
) -> dict[str, Reply]:
    """Give an order to workers, by name, and wait for their replies; one that does not come is a fault, too."""
    replies: dict[str, Reply] = {}
    for name, line in lines.items():
        try:
            line.send(order)
        except OSError:
            replies[name] = Reply(order.round, fault="has ended")
    deadline = time.monotonic() + wait_s
    while len(replies) < len(lines) and time.monotonic() < deadline and not gives_up():
        waiting = {name: line for name, line in lines.items() if name not in replies}
        ready = connection.wait(list(waiting.values()), timeout=TICK_S)
        replies |= {name: reply for name, line in waiting.items() if line in ready and (reply := _hear(line, order))}
    return {name: replies.get(name, Reply(order.round, fault="did not answer in time")) for name in lines}


def _hear(line: Connection, order: Order) -> Reply | None:
    """What a worker has said; None if that was about an earlier order."""
    try:
        reply = line.recv()
    except (EOFError, OSError):
        return Reply(order.round, fault="has ended")
    return reply if isinstance(reply, Reply) and reply.round == order.round else None
