"""Which outcomes of a batch are final, and which items have to run alone."""

from collections.abc import Sequence
from time import monotonic
from typing import TypeVar

from ..db.postgresql_errors import is_single_item_error
from ..db.repository.confirm_outcomes import ConfirmRequest
from ..db.repository.reservation_rows import Reservation
from ..db.repository.reservations import HoldToInsert
from ..errors import DatabaseUnavailable, IdempotencyKeyUsed, LimitReached, RowLocked

# The statements limit their waits for rows to 300 ms: one that takes longer waits for a lock on a whole table.
TABLE_LOCK_S = 1.0

Outcome = Reservation | Exception
Item = TypeVar("Item", HoldToInsert, ConfirmRequest)


def answer(outcomes: Sequence[Outcome]) -> Reservation:
    """The one reservation; raises the error in its place, which rolls a transaction back, with a claimed key."""
    [outcome] = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def shared_outcome(request: ConfirmRequest, first: ConfirmRequest, outcome: Outcome | None) -> Outcome | None:
    """The outcome of the first confirm of the reservation; None if it depends on a key or payment of one of them."""
    if request is not first:
        has_own = request.idempotency_key is not None or request.payment_id is not None
        if has_own or first.payment_id is not None or isinstance(outcome, IdempotencyKeyUsed):
            return None
    return None if type(outcome) is RowLocked else outcome


def unless_not_final(hold: HoldToInsert, outcome: Outcome, batch: Sequence[HoldToInsert]) -> Outcome | None:
    """None for a locked showtime, and for a limit that another hold of the user in the batch may have reached."""
    if type(outcome) is LimitReached and sum(each.user_id == hold.user_id for each in batch) > 1:
        return None
    return None if type(outcome) is RowLocked else outcome


def may_run_singly(error: Exception, started: float) -> bool:
    """Whether the items of a failed batch may run alone: one of them was the cause, and not a lock on a whole table."""
    waited = isinstance(error, RowLocked | DatabaseUnavailable) and monotonic() - started >= TABLE_LOCK_S
    return is_single_item_error(error) and not waited


def first_per_key(items: Sequence[Item]) -> list[Item]:
    """The first item of each idempotency key, and all items without one."""
    seen: set[tuple[int, str]] = set()
    chosen: list[Item] = []
    for item in items:
        if item.idempotency_key is not None:
            if item.idempotency_key.primary_key in seen:
                continue
            seen.add(item.idempotency_key.primary_key)
        chosen.append(item)
    return chosen
