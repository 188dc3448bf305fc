"""Whose holds are limited: those of people who book for themselves, and those of API keys as each key says.

The role is that with which the caller's credential was verified: it may be half a minute old.
"""

from aiohttp import web

from ..booking.address_limit import CountedHold
from ..booking.context import BookingContext
from ..db.repository.api_keys import KeyHoldLimits
from ..db.repository.hold_limits import HoldLimits
from ..holds.take_calls import AddressSeats
from ..identity.credential_cache import Identity
from ..identity.verifiers import ApiKeyIdentity
from .app_keys import CALLER
from .input.client_address import client_address, is_public
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


def limited_address(request: web.Request) -> str:
    """The address of a customer or guest whose accounts count together in a showtime; empty for others.

    API keys sell to many people, and addresses that are not public may be a proxy's that is not in TRUSTED_PROXIES.
    """
    caller = request[CALLER]
    if isinstance(caller, ApiKeyIdentity) or caller.user.role in STAFF_ROLES:
        return ""
    address = client_address(request)
    return address if is_public(address) else ""


def seats_of_address(context: BookingContext, request: web.Request) -> AddressSeats | None:
    """What the caller's address may have of a showtime in live holds; None without a limit."""
    address = limited_address(request)
    return context.address_limit.seats_of(address) if address else None


def _limits_of_key(context: BookingContext, own: KeyHoldLimits, of_account: HoldLimits | None) -> HoldLimits | None:
    longest_s = max(context.hold_ttl_s, context.hold_max_s)
    account = of_account or HoldLimits(None, None, longest_s)
    most_holds = account.most_holds if own.max_holds_per_user is None else own.max_holds_per_user or None
    seats = own.max_seats_per_user_per_showtime
    most_seats = account.most_seats if seats is None else seats or None
    return None if most_holds is most_seats is None else HoldLimits(most_holds, most_seats, longest_s)
