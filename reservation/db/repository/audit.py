"""The invariants, each checked over the whole database by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ..pool import Connection
from ..statements import sql

TIMEOUT_S = 600.0  # of each statement; the service's own limit is for requests
# Statements with the same parameter and columns; the rule is the file's name without the folder.
RULES = (
    "audit/seats_sold_twice",
    "audit/seats_not_booked",
    "audit/seats_not_reserved",
    "audit/seats_not_confirmed",
    "audit/seats_of_other_rooms",
    "audit/blocked_and_reserved",
    "audit/blocks_of_other_rooms",
    "audit/seats_listed_twice",
    "audit/wrong_totals",
    "audit/reservations_without_seats",
    "audit/overlapping_showtimes",
    "audit/sales_of_cancelled_showtimes",
    "audit/archived_and_kept",
    "audit/archived_seats_sold_twice",
    "audit/archived_wrong_totals",
    "audit/wrong_details",
    "audit/reasons_without_cancel",
    "audit/box_office_guests_with_sessions",
    "audit/wrong_changes",
    "audit/wrong_events",
    "audit/tickets_without_seats",
    "audit/tickets_of_one_seat",
    "audit/checked_in_after_cancel",
    "audit/erased_people",
    "audit/accounts_of_one_address",
    "audit/payments_without_sale",
    "audit/sales_without_payment",
    "audit/wrong_refunds",
    "audit/payments_of_other_showtimes",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What violates a rule and how; `found` counts all violations, also those beyond the row limit."""

    subject: str
    detail: str
    found: int


@dataclass(frozen=True, slots=True)
class UnbackedHold:
    """The index, in the arrays given, of a hold in Redis without a live hold in PostgreSQL.

    `status` is its reservation's, or None if there is no such reservation.
    """

    place: int
    status: str | None


async def open_snapshot(conn: Connection, *, work_mem: str) -> None:
    """Raise this transaction's time limit, and let each of its sorts use this much memory (such as "64MB")."""
    await conn.execute(sql("audit/open_snapshot"), f"{TIMEOUT_S:.0f}s", work_mem)


async def violations(conn: Connection, *, rule: str, row_limit: int) -> Sequence[Finding]:
    """The violations of one of RULES."""
    rows = await conn.fetch(sql(rule), row_limit, timeout=TIMEOUT_S)
    return [Finding(**row) for row in rows]


async def unbacked_holds(
    conn: Connection,
    *,
    reservation_ids: Sequence[UUID | None],
    showtime_ids: Sequence[int],
    seat_ids: Sequence[int],
) -> Sequence[UnbackedHold]:
    """The holds in Redis, of those given, that have no live hold in PostgreSQL."""
    rows = await conn.fetch(sql("audit/unbacked_holds"), reservation_ids, showtime_ids, seat_ids, timeout=TIMEOUT_S)
    return [UnbackedHold(**row) for row in rows]
