"""Whose holds are limited: those of people who book for themselves, and those of API keys as each key says.

The role is that with which the caller's credential was verified: it may be half a minute old.
"""

from aiohttp import web

from ..booking.address_limit import CountedHold
from ..booking.context import BookingContext
from ..db.repository.api_keys import KeyHoldLimits
from ..db.repository.hold_limits import HoldLimits
from ..identity.credential_cache import Identity
from ..identity.verifiers import ApiKeyIdentity
from .app_keys import CALLER
from .input.client_address import client_address
from .routes import STAFF_ROLES


def limits_of(context: BookingContext, caller: Identity) -> HoldLimits | None:
    """The limits of the caller: an API key's own ones before those of the account; None without any."""
    of_account = None if caller.user.role in STAFF_ROLES else context.limits
    return _limits_of_key(context, caller.limits, of_account) if isinstance(caller, ApiKeyIdentity) else of_account


def count_of(context: BookingContext, request: web.Request) -> CountedHold | None:
    """The count of the API key, if it has a limit of its own, or else of the caller's address; None without a limit."""
    limit, caller = context.address_limit, request[CALLER]
    if isinstance(caller, ApiKeyIdentity) and (most := caller.limits.holds_per_minute) is not None:
        return limit.count_of_key(caller.key_id, most) if most else None
    return limit.count(client_address(request)) if limit and caller.user.role not in STAFF_ROLES else None


def _limits_of_key(context: BookingContext, own: KeyHoldLimits, of_account: HoldLimits | None) -> HoldLimits | None:
    longest_s = max(context.hold_ttl_s, context.hold_max_s)
    account = of_account or HoldLimits(None, None, longest_s)
    most_holds = account.most_holds if own.max_holds_per_user is None else own.max_holds_per_user or None
    seats = own.max_seats_per_user_per_showtime
    most_seats = account.most_seats if seats is None else seats or None
    return None if most_holds is most_seats is None else HoldLimits(most_holds, most_seats, longest_s)
