"""Who calls: a person by an access token, or a machine client by an API key."""

from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager

from aiohttp import web

from ..db.repository import accounts, api_keys
from ..errors import Forbidden, InsufficientScope, InvalidToken, NotAuthenticated, TotpEnrolmentRequired
from ..identity import reauthentication, totp
from ..identity.verifiers import ApiKeyIdentity, SessionIdentity
from .app_keys import ACCOUNTS, API_KEYS, CALLER, DATABASE, SETTINGS
from .routes import Operation


def bearer_token(request: web.Request) -> str:
    """The Bearer token, which is an access token or an API key and not yet verified; raises NotAuthenticated."""
    header = request.headers.get("Authorization")
    if header is None:
        raise NotAuthenticated
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" and scheme.lower() != "bearer":
        raise NotAuthenticated
    return token.strip()


async def require_access(request: web.Request, roles: Set[str]) -> None:
    """Raise Forbidden if the caller's account has none of these roles, and InvalidToken if its credential has ended.

    Raises TotpEnrolmentRequired as `require_second_factor` does.
    """
    role = await current_role(request)
    if role not in roles:
        raise Forbidden
    if role == "admin":
        await require_second_factor(request)


async def require_second_factor(request: web.Request) -> None:
    """Raise TotpEnrolmentRequired for a person without one, where administrators need it; the caller is one."""
    if not request.app[SETTINGS].admin_totp_required or not isinstance(request[CALLER], SessionIdentity):
        return
    if not await totp.is_enrolled(request.app[DATABASE], user_id=request[CALLER].user_id):
        raise TotpEnrolmentRequired


async def require_recent_password(request: web.Request) -> None:
    """Raise ReauthenticationRequired if it is too long ago that the caller, a person, gave the password."""
    caller = request[CALLER]
    if isinstance(caller, SessionIdentity):
        await reauthentication.require_recent_password(request.app[ACCOUNTS], session_id=caller.session_id)


async def current_role(request: web.Request) -> str:
    """The role of the caller's account; raises InvalidToken if its credential has ended.

    Not the role in the token, which may be half an hour old: a demotion or logout takes effect at once.
    """
    caller, role = request[CALLER], None
    async with request.app[DATABASE].connection() as conn:
        if isinstance(caller, ApiKeyIdentity):
            role = await api_keys.find_role(conn, key_id=caller.key_id)
        elif isinstance(caller, SessionIdentity):
            role = await accounts.find_role(conn, session_id=caller.session_id, user_id=caller.user_id)
    if role is None:
        raise InvalidToken
    return role


@asynccontextmanager
async def authenticated_api_key(request: web.Request, key: str, operation: Operation) -> AsyncIterator[ApiKeyIdentity]:
    """The identity of an API key, as one of the requests that it may have under way.

    Raises InvalidToken, InsufficientScope and TooManyRequests.
    """
    keys = request.app[API_KEYS]
    identity = await keys.verifier.verify(key)
    if identity.scopes.isdisjoint(operation.scopes):
        raise InsufficientScope(operation.scopes)
    async with keys.limits.limit(identity.key_id, is_back_office=operation.is_back_office):
        yield identity
