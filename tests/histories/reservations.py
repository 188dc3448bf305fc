"""What was promised of each reservation: between which times which seats were held or owned."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tests.histories.history import FOREVER, History, Request


@dataclass(frozen=True, slots=True)
class Promise:
    """A seat of a reservation from the answer until it ends, or until its end was asked for."""

    seat: int
    reservation: str
    is_owned: bool
    start: float
    end: float
    by: Request


@dataclass
class Life:
    """A reservation: all requests for it."""

    id: str
    requests: list[Request] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator[Request]:
        """The requests of these kinds."""
        return (request for request in self.requests if request.kind in kinds)

    @cached_property
    def is_answered(self) -> bool:
        """Whether a hold of it was answered with success; another one is no promise, but may be confirmed."""
        return any(hold.succeeded for hold in self.of("hold"))

    def expires(self, answered_before: float = FOREVER) -> float:
        """The latest end of the hold that was answered until then."""
        answers = self.of("hold", "extend", "exchange")
        return max((each.expires for each in answers if each.succeeded and each.end <= answered_before), default=0.0)

    def given_up(self, seat: int, got_by: Request) -> float:
        """When the first request was sent that may end the promise of a seat, which this request made.

        An exchange that was answered before that was sent cannot end it.
        """
        ends = [each.start for each in self.of("cancel") if not each.refused]
        ends += [
            each.start
            for each in self.of("exchange")
            if not each.refused and seat not in each.asked and not (each.succeeded and each.end <= got_by.start)
        ]
        return min(ends, default=FOREVER)

    def promises(self) -> Iterator[Promise]:
        """What was answered, of each seat: held until a time, and owned."""
        for request in self.of("hold", "exchange", "confirm"):
            if not request.succeeded:
                continue
            is_owned = request.state == "confirmed"
            for seat in request.seats:
                until = min(self.given_up(seat, request), FOREVER if is_owned else self.expires())
                if until > request.end:
                    yield Promise(seat, self.id, is_owned, request.end, until, request)

    def is_confirmed_at(self, start: float, end: float) -> bool:
        """Whether it was answered as confirmed before, and no cancel had been sent by then."""
        confirmed = any(each.succeeded and each.end <= start for each in self.of("confirm"))
        return confirmed and not self.is_cancel_sent(end)

    def is_cancelled_at(self, start: float) -> bool:
        """Whether it was answered as cancelled before."""
        return any(each.succeeded and each.end <= start for each in self.of("cancel"))

    def is_cancel_sent(self, before: float) -> bool:
        """Whether a cancel had been sent by then."""
        return any(each.start < before and not each.refused for each in self.of("cancel"))

    def is_exchange_sent(self, before: float) -> bool:
        """Whether an exchange had been sent by then."""
        return any(each.start < before and not each.refused for each in self.of("exchange"))


def lives(history: History) -> dict[str, Life]:
    """The reservations of a history by id."""
    found: dict[str, Life] = {}
    for request in history.requests:
        if request.reservation:
            found.setdefault(request.reservation, Life(request.reservation)).requests.append(request)
    return found


def by_seat(promises: list[Promise]) -> dict[int, list[Promise]]:
    """Promises by seat, in the order of their start."""
    seats: dict[int, list[Promise]] = defaultdict(list)
    for promise in sorted(promises, key=lambda each: each.start):
        seats[promise.seat].append(promise)
    return seats
