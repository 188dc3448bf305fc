"""The load shedding of a worker: made from the settings, its gauges published, what it refuses logged once a second."""

from collections.abc import AsyncIterator, Mapping
from time import monotonic

import structlog
from aiohttp import web
from structlog.stdlib import BoundLogger

from ..db.connection_slots import slots_of
from ..runtime.exposition import before_publish
from ..runtime.lanes import Lane
from ..runtime.load_shedding import LoadShedding
from ..settings import Settings
from .app_keys import LOAD_SHEDDING

LOG_EVERY_S = 1.0


class RefusalLog:
    """Logs how many requests were refused, at most once a second: a line for each would cost more than its refusal."""

    def __init__(self, log: BoundLogger) -> None:
        self._log = log
        self._counts: dict[Lane, int] = {}
        self._logged_at = -LOG_EVERY_S

    def add(self, refused: Mapping[Lane, int]) -> None:
        """Count, and log if the last line is old enough."""
        for lane, count in refused.items():
            self._counts[lane] = self._counts.get(lane, 0) + count
        if monotonic() - self._logged_at >= LOG_EVERY_S:
            self._log.warning("requests_refused", **{lane.label: count for lane, count in self._counts.items()})
            self._counts, self._logged_at = {}, monotonic()


def load_shedding_of(settings: Settings) -> LoadShedding | None:
    """What refuses requests under load; None if nothing does."""
    slots = slots_of(settings)
    if slots is None:
        return None
    return LoadShedding(
        target_s=settings.queue_delay_ms / 1000,
        list_connections=slots.usable - slots.reserved[Lane.LIST],
        on_refused=RefusalLog(structlog.stdlib.get_logger("reservation.load_shedding")).add,
    )


async def running_load_shedding(app: web.Application) -> AsyncIterator[None]:
    """Publish its gauges, and stop its timer at the end."""
    shedding = app[LOAD_SHEDDING]
    if shedding is None:
        yield
        return
    before_publish.append(shedding.publish)
    yield
    before_publish.remove(shedding.publish)
    shedding.stop()
