"""What a customer has chosen on the way to a hold, in the query of a page or the fields of a form."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from multidict import MultiDict, MultiMapping

from ...db.repository.reservation_rows import STANDARD_TICKET
from ...runtime.fields import MAX_ID
from ..forms import number_of

MOST = 100  # seats that are read, and people of a ticket type
NUMBERED = re.compile(r"(ticket_type|people)_([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Choice:
    """Seats with their ticket types, or numbers of people for whom the service chooses; and what they are for."""

    seat_ids: tuple[int, ...] = ()
    ticket_types: Mapping[int, int] = field(default_factory=dict)  # by seat; the standard one where it has none
    people: Mapping[int, int] = field(default_factory=dict)  # by ticket type
    seat_type: str = ""
    exchange: str = ""  # the reservation whose seats are exchanged for these
    add_to: str = ""  # the hold that these are added to

    def seats(self) -> list[dict[str, int]]:
        """The seats as the API takes them."""
        return [
            {"seat_id": each, "ticket_type_id": self.ticket_types.get(each, STANDARD_TICKET)} for each in self.seat_ids
        ]

    def best_available(self) -> dict[str, Any]:
        """The request for adjacent seats as the API takes it."""
        types = [kind for kind, number in self.people.items() for _ in range(number)]
        body: dict[str, Any] = {"quantity": len(types), "ticket_type_ids": types}
        return body | ({"seat_type": self.seat_type} if self.seat_type else {})

    def purpose(self) -> dict[str, str]:
        """The fields that say what the seats are for."""
        fields = {"exchange": self.exchange, "add_to": self.add_to}
        return {name: text for name, text in fields.items() if text}

    def query(self) -> str:
        """The choice as the query of a page, empty if nothing was chosen."""
        return urlencode([*self._fields()])

    def _fields(self) -> Iterator[tuple[str, str | int]]:
        yield from self.purpose().items()
        for seat_id in self.seat_ids:
            yield "seat_id", seat_id
        for seat_id in self.seat_ids:
            if self.ticket_types.get(seat_id, STANDARD_TICKET) != STANDARD_TICKET:
                yield f"ticket_type_{seat_id}", self.ticket_types[seat_id]
        for ticket_type, number in self.people.items():
            yield f"people_{ticket_type}", number
        if self.seat_type:
            yield "seat_type", self.seat_type


def choice_of(fields: MultiDict[str] | MultiMapping[str]) -> Choice:
    """Read a choice; what is not valid is left out."""
    numbered: dict[str, dict[int, int]] = {"ticket_type": {}, "people": {}}
    for name in fields:
        if (match := NUMBERED.fullmatch(name)) and (number := _number(fields[name])):
            numbered[match[1]][int(match[2])] = number
    seat_ids = [number for text in fields.getall("seat_id", [])[:MOST] if (number := _number(text))]
    return Choice(
        tuple(dict.fromkeys(seat_ids)),
        numbered["ticket_type"],
        {kind: min(number, MOST) for kind, number in numbered["people"].items()},
        fields.get("seat_type", ""),
        _reservation_id(fields.get("exchange", "")),
        _reservation_id(fields.get("add_to", "")),
    )


def _number(text: str) -> int | None:
    number = number_of(text)
    return number if number is not None and 1 <= number <= MAX_ID else None


def _reservation_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
