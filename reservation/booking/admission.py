"""Whether a hold needs an admission from a showtime's waiting room, and has one.

A showtime without a waiting room pays for no more than a look at its cached layout.
"""

from typing import Protocol

from ..errors import AdmissionRequired
from ..seatmap.layouts import Layout
from ..waiting.metrics import REFUSED_HOLDS
from .context import BookingContext


class Admission(Protocol):
    """What a caller sent as an admission."""

    def admits(self, showtime_id: int) -> bool:
        """Whether it is good for a showtime now."""


async def require_admission(context: BookingContext, layout: Layout, admission: Admission | None) -> None:
    """Raise AdmissionRequired unless the caller needs no admission, has one, or the waiting room was given up.

    A layout that is out of date does not refuse: PostgreSQL is asked, once for all that wait.
    """
    if admission is None or admission.admits(layout.showtime_id):
        return
    current = await context.layouts.load(layout.showtime_id)
    if current is None or current.sale.waiting_room:
        REFUSED_HOLDS.value += 1
        raise AdmissionRequired
