"""Which requests arrive when: a pure function of the seed, the profile and the size of the data set.

Arrivals are a Poisson process and every arrival is exactly one request, so the offered rate is the requested one,
whatever the answers are. What only the run knows (which seats are left, which hold waits for its confirm) is decided
there, by the numbers drawn here.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Literal, NamedTuple

# hold: seats by id; best: the best available ones; keyed: by id with an Idempotency-Key; repeat: a keyed one again.
Operation = Literal["list", "map", "hold", "best", "keyed", "repeat", "confirm", "cancel"]
Fate = Literal["keep", "return", "release", "abandon"]  # confirm; confirm then cancel; cancel the hold; neither


class Arrival(NamedTuple):
    """One request to be sent `at_s` seconds into the run; the two draws, in [0, 1), choose its showtime and seats."""

    at_s: float
    operation: Operation
    user: int
    hot: bool
    showtime_draw: float
    seat_draw: float
    seats: int
    fate: Fate
    conditional: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of the operations among the requests, of the fates among the holds, and a data set to go with them."""

    name: str
    shares: Mapping[Operation, float]
    fates: Mapping[Fate, float]
    conditional: float  # of the maps: with the ETag seen last, as a page that polls
    contention: float
    showtimes: int
    viewers: int = 0  # of live seat maps


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("browse", {"list": 0.2, "map": 0.8}, {"keep": 1}, conditional=0.7, contention=0.0, showtimes=100),
        # Most holds are refused, so there are fewer confirms than holds.
        Profile("onsale", {"map": 0.45, "hold": 0.35, "confirm": 0.2}, {"keep": 1}, 0.5, contention=0.5, showtimes=3),
        # Confirms and cancels are as many as the fates make of that many holds, so no backlog builds up.
        Profile(
            "mixed",
            {"list": 0.08, "map": 0.38, "hold": 0.2, "confirm": 0.156, "cancel": 0.184},
            {"keep": 0.03, "return": 0.75, "release": 0.17, "abandon": 0.05},
            conditional=0.5,
            contention=0.1,
            showtimes=100,
        ),
        # The holds of `mixed` in all their forms, among viewers of live maps.
        Profile(
            "full",
            {
                "list": 0.08,
                "map": 0.286,
                "hold": 0.1,
                "best": 0.06,
                "keyed": 0.06,
                "repeat": 0.04,
                "confirm": 0.1716,
                "cancel": 0.2024,
            },
            {"keep": 0.03, "return": 0.75, "release": 0.17, "abandon": 0.05},
            conditional=0.5,
            contention=0.1,
            showtimes=100,
            viewers=100,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the arrivals; equal plans give equal arrivals."""

    profile: Profile
    rate: float
    duration_s: float
    ramp_s: float
    contention: float
    users: int
    seats: tuple[int, int]  # of a hold, from the fewest to the most
    seed: int

    def arrivals(self) -> Iterator[Arrival]:
        """The arrivals in order, made as they are taken."""
        instants = Random(f"instants {self.seed}")  # noqa: S311 - to be repeatable, not to be secret
        choices = Random(f"choices {self.seed}")  # noqa: S311 - likewise
        operations, shares = list(self.profile.shares), list(accumulate(self.profile.shares.values()))
        fates, fate_shares = list(self.profile.fates), list(accumulate(self.profile.fates.values()))
        conditional, contention = self.profile.conditional, self.contention
        users, fewest, spread = self.users, self.seats[0], self.seats[1] - self.seats[0] + 1
        expected, at_s = 0.0, 0.0
        draw = choices.random
        while True:
            expected += -math.log(1.0 - instants.random())
            at_s = self.instant(expected)
            if at_s >= self.duration_s:
                return
            # One draw a field, whatever the operation: a change of shares leaves all other choices as they were.
            yield Arrival(
                at_s,
                choices.choices(operations, cum_weights=shares)[0],
                int(draw() * users),
                draw() < contention,
                draw(),
                draw(),
                fewest + int(draw() * spread),
                choices.choices(fates, cum_weights=fate_shares)[0],
                draw() < conditional,
            )

    def instant(self, expected: float) -> float:
        """When that many arrivals are expected to have come: the rate rises along the ramp, then stays."""
        of_ramp = self.rate * self.ramp_s / 2
        if expected < of_ramp:
            return math.sqrt(2 * self.ramp_s * expected / self.rate)
        return self.ramp_s + (expected - of_ramp) / self.rate
