"""Reservations as statements return them and as clients see them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from uuid import UUID

import asyncpg
from orjson import Fragment

from ...errors import Json

STANDARD_TICKET = 1  # the id of the ticket type that is always there


# None of these has slots: orjson writes a dataclass with slots at a quarter of the speed.
@dataclass(frozen=True)
class NamedRow:
    """A row that a reservation shows by its name: an auditorium, or the ticket type of a seat."""

    id: int
    name: str


STANDARD = NamedRow(STANDARD_TICKET, "standard")


@dataclass(frozen=True)
class ReservedMovie:
    """The film of a reservation."""

    id: int
    title: str


@dataclass(frozen=True)
class ReservedCinema:
    """The cinema of a reservation."""

    id: int
    name: str
    timezone: str


@dataclass(frozen=True)
class ReservedShowtime:
    """The showtime of a reservation as it is now."""

    id: int
    starts_at: datetime
    ends_at: datetime
    status: str
    movie: ReservedMovie
    auditorium: NamedRow
    cinema: ReservedCinema


# Not frozen, for the same reason as Reservation.
@dataclass
class ReservedSeat:
    """A seat of a reservation, at the price it was held for."""

    seat_id: int
    row_label: str
    seat_number: int
    price: str
    ticket_type: NamedRow


# Not frozen: that would make the constructor take three times as long, some 2 us.
@dataclass
class Reservation:
    """A hold on seats of one showtime; its status is held, confirmed, cancelled or expired.

    Prices are PostgreSQL's text with two digits, which the client gets unchanged. The showtime is the JSON that the
    worker keeps of it, or what was read with the reservation; None: it has to be read.
    """

    id: UUID
    code: str
    showtime_id: int
    showtime: ReservedShowtime | Fragment | None
    status: str
    seats: Sequence[ReservedSeat]
    total_price: str
    created_at: datetime
    expires_at: datetime
    reference: str | None
    metadata: dict[str, Json] | None
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    late: bool = False


@dataclass
class PaidReservation(Reservation):
    """A reservation that was paid elsewhere and confirmed with the payment of `amount_paid`."""

    amount_paid: str = "0.00"


def reservation_of(row: asyncpg.Record) -> Reservation:
    """The reservation of a row that has its showtime, too."""
    showtime = ReservedShowtime(
        row["showtime_id"],
        row["starts_at"],
        row["ends_at"],
        row["showtime_status"],
        ReservedMovie(row["movie_id"], row["movie_title"]),
        NamedRow(row["auditorium_id"], row["auditorium_name"]),
        ReservedCinema(row["cinema_id"], row["cinema_name"], row["cinema_timezone"]),
    )
    return Reservation(
        row["id"],
        row["code"],
        row["showtime_id"],
        showtime,
        row["status"],
        reserved_seats(row),
        row["total_price"],
        row["created_at"],
        row["expires_at"],
        row["reference"],
        row["metadata"],
        row["confirmed_at"],
        row["cancelled_at"],
        row["cancelled_by"],
        row["late"],
    )


def reserved_seats(row: asyncpg.Record) -> Sequence[ReservedSeat]:
    """The seats of a reservation, in the order of the seat map."""
    tickets: Iterable[NamedRow]
    if row["ticket_type_ids"]:
        tickets = [NamedRow(*each) for each in zip(row["ticket_type_ids"], row["ticket_type_names"], strict=True)]
    else:
        tickets = repeat(_standard(row["standard_name"]))
    # A check constraint has the columns be of one length.
    return [*map(ReservedSeat, row["seat_ids"], row["row_labels"], row["seat_numbers"], row["prices"], tickets)]


@lru_cache(maxsize=8)
def _standard(name: str) -> NamedRow:
    return NamedRow(STANDARD_TICKET, name)
