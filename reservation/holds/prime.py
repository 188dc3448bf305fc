"""What a showtime's keys in Redis are rebuilt from, and the calls that do it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from .keys import map_keys
from .script_runner import Call, ReadStart, script_call
from .scripts import PRIME, PRIME_UNREAD, Script

# Beyond these, sending what Redis most often knows costs more than asking it first.
MAX_UNREAD_SEATS = 100
# Of the 60 s for which Redis knows what was released without a map: the script may wait 10 s for a connection, and 10 s
# on it.
MAX_UNREAD_S = 5


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A seat that a reservation holds for `ttl_ms` milliseconds more, by PostgreSQL's clock."""

    seat_id: int
    reservation_id: UUID
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Prime:
    """What a showtime's keys are rebuilt from: a version above all before, and the live holds."""

    version: int
    holds: tuple[LiveHold, ...]


Primer = Callable[[int], Awaitable[Prime]]


def ticket_call(showtime_id: int, ticket: int, prime: Prime) -> Call:
    """Prime a showtime that Redis has given a ticket for."""
    return _prime_call(PRIME, showtime_id, ticket, prime)


def unread_call(showtime_id: int, prime: Prime, start: ReadStart) -> Call | None:
    """Prime a showtime, unless Redis knows it; None if Redis has to be asked first.

    As everything here, it takes for granted that Redis evicts nothing (maxmemory-policy noeviction).
    """
    is_recent = monotonic() - start.started <= MAX_UNREAD_S
    if not start.kept_since or not is_recent or len(prime.holds) > MAX_UNREAD_SEATS:
        return None
    return _prime_call(PRIME_UNREAD, showtime_id, start.kept_since, prime, start.run_key)


def _prime_call(script: Script, showtime_id: int, ticket: int | str, prime: Prime, *more: str) -> Call:
    args: list[str | int] = [ticket, prime.version]
    for hold in prime.holds:
        args += [hold.seat_id, str(hold.reservation_id), max(hold.ttl_ms, 1)]
    keys = map_keys(showtime_id, [hold.seat_id for hold in prime.holds])
    return script_call(script, showtime_id, keys, (*args, *more))
