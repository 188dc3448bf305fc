"""The target's limits on holds, and how the customers keep within them: by who holds next, and when.

Without limits nothing is counted. What the limits leave no room for is not sent: the target would refuse it, and the
figures would be those of refusals.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import LoadError
from .client import Client
from .customers import list_all
from .showtimes import expect

READERS = 16
MAX_ASKED = 50  # customers, for one who is within the limits
MINUTE_S = 70.0  # what is sent within a minute may arrive in less
BURST = 0.1  # of a minute's holds


@dataclass(slots=True)
class HoldLimits:
    """The limits, 0 for none, and what of them is used; `refused` counts the holds not sent, by the limit's setting."""

    max_holds: int = 0
    max_seats: int = 0
    per_minute: int = 0
    max_seats_per_hold: int = 0
    hold_ttl_s: float = 600.0
    payment_provider: str = "none"
    refused: Counter[str] = field(default_factory=Counter)
    _holds: Counter[int] = field(default_factory=Counter)
    _seats: Counter[tuple[int, int]] = field(default_factory=Counter)
    _left: float = 0.0  # holds that may be sent now
    _counted_at: float | None = None

    @classmethod
    async def read(cls, client: Client) -> "HoldLimits":
        """The limits that the target has; raises LoadError."""
        config = expect(await client.call("GET", "/config"), 200, "the target's /config")
        return cls(
            config["max_holds_per_user"],
            config["max_seats_per_user_per_showtime"],
            config.get("holds_per_minute_per_address", 0),
            config["max_seats_per_hold"],
            config["hold_ttl_seconds"],
            config.get("payment_provider", "none"),
        )

    def check_seats(self, most: int) -> None:
        """Raise LoadError if no customer may hold that many seats at once."""
        for name, limit in (
            ("MAX_SEATS_PER_HOLD", self.max_seats_per_hold),
            ("MAX_SEATS_PER_USER_PER_SHOWTIME", self.max_seats),
        ):
            if limit and most > limit:
                raise LoadError(f"holds of {most} seats: the target's {name} is {limit}")

    def check_payment(self) -> None:
        """Raise LoadError if holds have to be paid: the customers do not pay, so all confirms would be refused."""
        if self.payment_provider != "none":
            raise LoadError(
                f"the target takes payments (PAYMENT_PROVIDER={self.payment_provider}) and confirms no unpaid hold: "
                "set PAYMENT_PROVIDER=none there, or give a --mix without confirm"
            )

    async def count_reservations(self, client: Client, tokens: Sequence[str]) -> None:
        """Count what the customers have from earlier runs."""
        if not self.max_holds and not self.max_seats:
            return
        customers = iter(enumerate(tokens))

        async def read() -> None:
            for user, token in customers:
                for status in ("held", "confirmed"):
                    async for reservation in list_all(client, token, f"/reservations?status={status}"):
                        self._holds[user] += status == "held"
                        self._seats[user, reservation["showtime_id"]] += len(reservation["seats"])

        await asyncio.gather(*(read() for _ in range(READERS)))

    def take_turn(self, now: float) -> bool:
        """Whether one more hold may be sent from this address now; if so it counts. Instants are time.monotonic()'s."""
        if not self.per_minute:
            return True
        burst = max(self.per_minute * BURST, 1.0)
        steady = self.per_minute * (1 - BURST) / MINUTE_S
        if self._counted_at is None or now > self._counted_at:  # in a pause nothing is added
            since, self._counted_at = self._counted_at, now
            self._left = burst if since is None else min(self._left + (now - since) * steady, burst)
        if self._left < 1:
            self.refused["HOLDS_PER_MINUTE_PER_ADDRESS"] += 1
            return False
        self._left -= 1
        return True

    def pause(self, until: float) -> None:
        """Send no hold before that instant: the target has counted more than this generator has sent."""
        self._left, self._counted_at = 0.0, until

    def take_customer(self, first: int, customers: int, showtime_id: int, seats: int) -> int | None:
        """A customer who may hold so many seats more, from the first one on; the hold counts. None if there is none."""
        if not self.max_holds and not self.max_seats:
            return first
        for number in range(first, first + min(customers, MAX_ASKED)):
            user = number % customers
            used = self._seats[user, showtime_id] + seats
            if (self.max_holds and self._holds[user] >= self.max_holds) or (self.max_seats and used > self.max_seats):
                continue
            self._holds[user] += 1
            self._seats[user, showtime_id] = used
            return user
        self.refused["MAX_HOLDS_PER_USER or MAX_SEATS_PER_USER_PER_SHOWTIME"] += 1
        return None

    def end(self, user: int, showtime_id: int, seats: int, *, was_held: bool = True) -> None:
        """A hold has ended, or a sale was cancelled, and its seats are free."""
        self._holds[user] -= was_held
        self._seats[user, showtime_id] -= seats

    def sell(self, user: int) -> None:
        """A hold was confirmed: its seats go on counting."""
        self._holds[user] -= 1


def limit_lines(refused: dict[str, int]) -> list[str]:
    """What the limits left no room for, in words."""
    advice = {"HOLDS_PER_MINUTE_PER_ADDRESS": "lower --rate, or set it to 0 at the target"}
    return [
        f"LIMITED: {count:,} holds became requests for a seat map, to keep within the target's {name}: "
        f"{advice.get(name, 'raise --users, or set them to 0 at the target')}"
        for name, count in refused.items()
    ]
