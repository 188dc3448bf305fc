"""Which lane a request is in, and its gate."""

from functools import lru_cache
from typing import Any

from aiohttp import web

from ..runtime.lanes import Lane
from ..runtime.load_shedding import FREE, AnyGate
from .app_keys import LOAD_SHEDDING
from .routes import ACCOUNTS_TAG, Access, Operation

# Operations that complete a sale or admit a customer at the door, in whatever table they are.
COMPLETING = frozenset(
    {
        "/reservations/{reservation_id}/confirm",
        "/reservations/{reservation_id}/pay",
        "/payments/stripe/webhook",
        "/check-ins",
    }
)
LANES_OF_TAGS = {ACCOUNTS_TAG: Lane.ACCOUNT, "Reports": Lane.REPORT}


def lane_of(operation: Operation) -> Lane | None:
    """The lane of an operation; None for one that is never refused.

    Those are probes and metrics, which operators need most under load; and public ones without input, which cost no
    more than their refusal. A stream is in its lane until it has begun.
    """
    has_input = "{" in operation.path or operation.body is not None or operation.query is not None
    if not operation.table.is_versioned or not (has_input or operation.access is not Access.PUBLIC):
        return None
    if operation.method != "GET" and operation.path in COMPLETING:
        return Lane.CONFIRM
    if (lane := LANES_OF_TAGS.get(operation.table.tag)) is not None:
        return lane
    if operation.is_back_office:
        return Lane.LIST
    return Lane.MAP if operation.method == "GET" else Lane.HOLD


def gate_of(app: web.Application, handler: Any) -> AnyGate:
    """The gate of a route's handler; FREE if nothing is refused, or not this."""
    shedding = app[LOAD_SHEDDING]
    lane = None if shedding is None else _lane_of_handler(handler)
    return FREE if shedding is None or lane is None else shedding.gates[lane]


@lru_cache(maxsize=1024)
def _lane_of_handler(handler: Any) -> Lane | None:
    """That of the endpoint or page of which it is a method; files and addresses that do not exist have none."""
    return getattr(getattr(handler, "__self__", None), "lane", None)
