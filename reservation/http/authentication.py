"""Who calls: a person by an access token, or a machine client by an API key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from ..db.repository import accounts, api_keys
from ..errors import Forbidden, InsufficientScope, InvalidToken, NotAuthenticated
from ..identity.verifiers import ApiKeyIdentity, SessionIdentity
from .app_keys import API_KEYS, DATABASE
from .routes import Access, Operation


def bearer_token(request: web.Request) -> str:
    """The Bearer token, which is an access token or an API key and not yet verified; raises NotAuthenticated."""
    header = request.headers.get("Authorization")
    if header is None:
        raise NotAuthenticated
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" and scheme.lower() != "bearer":
        raise NotAuthenticated
    return token.strip()


async def require_admin(request: web.Request, person: SessionIdentity) -> None:
    """Raise InvalidToken if the login session has ended, and Forbidden if the account lacks the role.

    Not by the role in the token, which may be half an hour old: a demotion or logout takes effect at once.
    """
    async with request.app[DATABASE].connection() as conn:
        role = await accounts.find_role(conn, session_id=person.session_id, user_id=person.user_id)
    _check_admin(role)


@asynccontextmanager
async def authenticated_api_key(request: web.Request, key: str, operation: Operation) -> AsyncIterator[ApiKeyIdentity]:
    """The identity of an API key, as one of the requests that it may have under way.

    Raises InvalidToken, InsufficientScope, TooManyRequests, and Forbidden if the key's account lacks the role.
    """
    keys = request.app[API_KEYS]
    identity = await keys.verifier.verify(key)
    if identity.scopes.isdisjoint(operation.scopes):
        raise InsufficientScope(operation.scopes)
    async with keys.limits.limit(identity.key_id, is_back_office=operation.is_back_office):
        if operation.access is Access.ADMIN:
            async with request.app[DATABASE].connection() as conn:
                role = await api_keys.find_role(conn, key_id=identity.key_id)
            _check_admin(role)
        yield identity


def _check_admin(role: str | None) -> None:
    if role is None:
        raise InvalidToken
    if role != "admin":
        raise Forbidden
