"""The order in which the Lua scripts take a database's seats: files, position, checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .bench import Bench
from .processes import Server
from .records import BenchmarkFailed
from .stand import Stand
from .wrk import Load

SEATS_A_HOLD = 4


@dataclass(slots=True)
class Walk:
    """Unsold seats of one database; each run takes the next ones."""

    stand: Stand
    database: str
    seats_a_hold: int = SEATS_A_HOLD
    abreast: int | None = None  # over how many showtimes holds are spread at a time
    showtimes: int | None = None  # how many; None for all
    tokens: Path = field(init=False)
    seats: Path = field(init=False)
    _start: int = 0
    _confirmed: int = 0

    def __post_init__(self) -> None:
        self.tokens = self.stand.tokens(self.database)
        self.seats = self.stand.seats(self.database, showtimes=self.showtimes)

    def environment(self) -> dict[str, str]:
        """The variables of a Lua script that takes seats."""
        abreast = {"ABREAST": str(self.abreast)} if self.abreast else {}
        return {
            "TOKENS": str(self.tokens),
            "SEATS": str(self.seats),
            "START": str(self._start),
            "SEATS_A_HOLD": str(self.seats_a_hold),
            **abreast,
        }

    def tokens_by_user(self) -> dict[int, str]:
        """The access token of each customer."""
        pairs = (line.split() for line in self.tokens.read_text().splitlines())
        return {int(user_id): token for user_id, token in pairs}

    def any_token(self) -> str:
        """The access token of one of the customers."""
        return next(iter(self.tokens_by_user().values()))

    def drive(
        self,
        bench: Bench,
        contestant: str,
        server: Server,
        script: str,
        *,
        connections: int,
        seconds: float | None = None,
        unit: str | None = None,
        keep: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Load:
        """Run a script from the position where the last one stopped, after a checkpoint."""
        bench.stand.checkpoint()
        load = bench.drive(
            contestant,
            server,
            script,
            connections=connections,
            seconds=seconds,
            unit=unit,
            keep=keep,
            environment={**self.environment(), **(environment or {})},
        )
        if load.counts["ran_out"]:
            raise BenchmarkFailed(f"{contestant}: the database has no free seats left: seed more showtimes")
        self._start = load.counts["walked"]
        self._confirmed += load.counts.get("confirmed", 0)
        return load

    def check(self, before: tuple[int, int] = (0, 0)) -> None:
        """Check that all confirms answered 200 are in the database with all their seats; `before` is sold()."""
        confirmed, seats = (now - then for now, then in zip(self.sold(), before, strict=True))
        if confirmed < self._confirmed or seats != self.seats_a_hold * confirmed:
            raise BenchmarkFailed(
                f"{self.database}: {self._confirmed} confirms answered, {confirmed} made, {seats} seats booked"
            )

    def sold(self) -> tuple[int, int]:
        """How many reservations are confirmed so far, and how many seats are booked."""
        with self.stand.connect(self.database) as connection:
            row = connection.execute(
                "select count(*) filter (where r.status = 'confirmed'), (select count(*) from booked_seats) "
                "from reservations as r"
            ).fetchone()
        confirmed, seats = row or (0, 0)
        return confirmed, seats
