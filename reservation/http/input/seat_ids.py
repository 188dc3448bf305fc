"""Lists of seats in bodies."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields, validate

from ...db.repository.reservation_rows import STANDARD_TICKET
from ...runtime.fields import Id, Input
from ...settings import HIGHEST_MAX_SEATS


class SeatIds(fields.List[int]):
    """Ids of seats, each once."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(
            Id(), validate=[validate.Length(1, HIGHEST_MAX_SEATS), _no_repeats], metadata={"uniqueItems": True}, **rest
        )


class WantedSeat(Input):
    """A seat, and for whom its ticket is."""

    seat_id = Id(required=True)
    ticket_type_id = Id(load_default=STANDARD_TICKET, metadata={"description": "Not given: the standard type"})


class WantedSeats(fields.List[dict[str, int]]):
    """Seats with ticket types, each once."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(
            fields.Nested(WantedSeat()), validate=[validate.Length(1, HIGHEST_MAX_SEATS), _no_repeated_seats], **rest
        )


def _no_repeated_seats(seats: Sequence[Mapping[str, int]]) -> None:
    try:
        _no_repeats([seat["seat_id"] for seat in seats])
    except ValidationError as error:
        [(index, messages)] = error.messages_dict.items()
        raise ValidationError({index: {"seat_id": messages}}) from error


def _no_repeats(seat_ids: Sequence[int]) -> None:
    seen: set[int] = set()
    for index, seat_id in enumerate(seat_ids):
        if seat_id in seen:
            raise ValidationError({index: ["This seat is in the list already."]})
        seen.add(seat_id)
