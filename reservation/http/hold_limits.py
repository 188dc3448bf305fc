"""Whose holds are limited: those of people who book for themselves."""

from aiohttp import web

from ..booking.address_limit import CountedHold
from ..db.repository.hold_limits import HoldLimits
from ..identity.verifiers import ApiKeyIdentity
from .app_keys import BOOKING_CONTEXT, CALLER
from .input.client_address import client_address
from .routes import Access


def limits_of(request: web.Request) -> HoldLimits | None:
    """The limits of the caller; None without any, for staff, and for API keys, which act for many people.

    An API key has a limit of its own: API_KEY_CONCURRENCY.
    """
    limits = request.app[BOOKING_CONTEXT].limits
    return limits if limits is not None and _is_limited(request) else None


def count_of(request: web.Request) -> CountedHold | None:
    """The count of the caller's address, for those whose holds are limited."""
    limit = request.app[BOOKING_CONTEXT].address_limit
    return limit.count(client_address(request)) if limit and _is_limited(request) else None


def _is_limited(request: web.Request) -> bool:
    """By the role that the caller's credential was verified with: it may be half a minute old."""
    caller = request[CALLER]
    return not isinstance(caller, ApiKeyIdentity) and caller.user.role not in Access.STAFF.roles
