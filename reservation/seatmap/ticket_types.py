"""The ticket types, kept in the process with the version of their list.

A hold with ticket types is inserted at this version, which PostgreSQL compares: if a type has changed since, the worker
reads them again. For names, which holds without ticket types show as well, they are also read every REFRESH_S seconds:
a new name of the standard type may be that old in the answer to a hold.
"""

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from ..db.pool import Database
from ..db.repository import ticket_types as repository
from ..db.repository.reservation_rows import STANDARD, STANDARD_TICKET, NamedRow, ReservedSeat
from ..db.repository.ticket_types import KnownTicketType
from ..errors import Invalid
from .rooms import CENT, Room

REFRESH_S = 30


class WantedTickets(NamedTuple):
    """The ticket types that a hold asks for, one a seat in the order of its seats, and where they are in its body.

    Without any, all seats are of the standard type. The pointers are formats that take the index.
    """

    type_ids: Sequence[int] = ()
    type_pointer: str = ""
    seat_pointer: str = "/seat_ids/{}"


ALL_STANDARD = WantedTickets()


class ChosenTickets(NamedTuple):
    """Ticket types as they are at a version, one a seat."""

    version: int
    types: Sequence[KnownTicketType]

    def seats(self, room: Room, seat_ids: Sequence[int]) -> tuple[ReservedSeat, ...]:
        """The seats at the prices of their ticket types, in the order of the map."""
        by_place = sorted(zip((room.places[seat_id] for seat_id in seat_ids), self.types, strict=True), key=_place)
        return tuple([_priced(room, place, kind) for place, kind in by_place])


class TicketTypes:
    """The ticket types as they were read last; `on_renamed` is called when the standard one has another name."""

    def __init__(self, database: Database) -> None:
        self.standard = STANDARD
        self.on_renamed: Callable[[], None] = lambda: None
        self._database = database
        self._version = 0
        self._known: dict[int, KnownTicketType] = {}

    def forget(self) -> None:
        """PostgreSQL was restored: the version may come again with other prices."""
        self._known = {}

    async def refresh(self) -> None:
        """Read all ticket types."""
        async with self._database.connection() as conn:
            found = await repository.read_all(conn)
        self._version, self._known = found[0].version, {each.id: each for each in found}
        name = self._known[STANDARD_TICKET].name
        if name != self.standard.name:
            self.standard = NamedRow(STANDARD_TICKET, name)
            self.on_renamed()

    async def choose(self, wanted: WantedTickets, *, anew: bool = False) -> ChosenTickets | None:
        """The ticket types of a hold; None if all are of the standard type. `anew`: read them first.

        Raises Invalid for one that does not exist or is not active.
        """
        if all(each == STANDARD_TICKET for each in wanted.type_ids):
            return None
        if anew or not self._are_active(wanted):
            await self.refresh()
        unused = {each for each in wanted.type_ids if each in self._known and not self._known[each].is_used}
        if unused:  # the first hold that asks for it
            async with self._database.connection() as conn:
                await repository.mark_used(conn, ticket_type_ids=sorted(unused))
            await self.refresh()
        for index, each in enumerate(wanted.type_ids):
            if each not in self._known or not self._known[each].active:
                raise Invalid(wanted.type_pointer.format(index), "There is no such active ticket type.")
        return ChosenTickets(self._version, [self._known[each] for each in wanted.type_ids])

    def _are_active(self, wanted: WantedTickets) -> bool:
        return all(each in self._known and self._known[each].active for each in wanted.type_ids)


def _place(seat: tuple[int, KnownTicketType]) -> int:
    return seat[0]


def _priced(room: Room, place: int, kind: KnownTicketType) -> ReservedSeat:
    """Of a room's seat: (base_price x price_factor, or fixed_price) x price_modifier, rounded half up."""
    plan, shape = room.plan, room.plan.shape
    start = kind.fixed_price if kind.price_factor is None else room.base_price * kind.price_factor
    price = (Decimal(start or 0) * Decimal(shape.modifiers[place])).quantize(CENT, ROUND_HALF_UP)
    ticket_type = NamedRow(kind.id, kind.name)
    return ReservedSeat(plan.seat_ids[place], shape.labels[place], shape.numbers[place], str(price), ticket_type)
