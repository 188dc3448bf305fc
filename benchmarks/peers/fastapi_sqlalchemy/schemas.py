"""Requests and answers, in the form of the service that this one is compared with."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt

MAX_SEATS = 10


def _each_once(seat_ids: list[int]) -> list[int]:
    if len(set(seat_ids)) != len(seat_ids):
        raise ValueError("a seat is in the list twice")
    return seat_ids


class HoldIn(BaseModel):
    """Which seats to hold."""

    model_config = ConfigDict(extra="forbid")

    seat_ids: Annotated[list[PositiveInt], Field(min_length=1, max_length=MAX_SEATS), AfterValidator(_each_once)]


class ReservedSeat(BaseModel):
    """A seat of a reservation, at the price it was held for."""

    seat_id: int
    row_label: str
    seat_number: int
    price: Decimal


class Reservation(BaseModel):
    """A reservation."""

    id: UUID
    showtime_id: int
    status: Literal["held", "confirmed", "cancelled", "expired"]
    seats: list[ReservedSeat]
    total_price: Decimal
    created_at: datetime
    expires_at: datetime


class Seat(BaseModel):
    """A seat of a showtime with its price and status."""

    id: int
    row_label: str
    seat_number: int
    seat_type: str
    price: Decimal
    status: Literal["available", "held", "booked"]


class SeatMap(BaseModel):
    """All seats of a showtime."""

    showtime_id: int
    seats: list[Seat]
