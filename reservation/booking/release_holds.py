"""Release all holds of users who are erased."""

from collections.abc import Sequence
from contextlib import suppress

from ..db.repository import erasure
from ..errors import HoldExpired, NotFound
from .cancel import cancel
from .context import BookingContext

PAGE = 100


async def release_holds(context: BookingContext, *, user_ids: Sequence[int]) -> None:
    """Cancel every live hold of some users, as its customer would; raises RowLocked."""
    while True:
        async with context.database.connection() as conn:
            holds = await erasure.list_holds(conn, user_ids=user_ids, row_limit=PAGE)
        for hold in holds:
            with suppress(HoldExpired, NotFound):
                await cancel(context, user_id=hold.user_id, reservation_id=hold.id)
        if len(holds) < PAGE:
            return
