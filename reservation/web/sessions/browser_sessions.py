"""The login session of a browser: the API's own tokens, in cookies that no script can read."""

from contextlib import suppress

from aiohttp import web

from ...errors import InvalidToken, NotFound
from ...http.app_keys import ACCESS_TOKENS, ACCOUNTS
from ...http.input.client_address import client_address
from ...identity import accounts
from ...identity.tokens import TokenPair
from ...runtime import security_log
from ..request_keys import ACCESS_TOKEN, USER
from .cookies import delete_cookie, set_cookie
from .form_tokens import renew_form_secret

ACCESS_COOKIE = "__Host-access"
REFRESH_COOKIE = "__Host-refresh"


async def identify(request: web.Request) -> None:
    """Set the request's user, with a new access token if the browser's has ended and its session has not."""
    request[USER], request[ACCESS_TOKEN] = None, None
    access, refresh = request.cookies.get(ACCESS_COOKIE), request.cookies.get(REFRESH_COOKIE)
    if access is not None and await _use(request, access):
        return
    if refresh is not None:
        try:
            pair = await accounts.refresh(request.app[ACCOUNTS], refresh_token=refresh, address=client_address(request))
        except InvalidToken:
            pair = None
        if pair is not None and await _use(request, pair.access_token):
            _keep(request, pair)
            return
    delete_cookie(request, ACCESS_COOKIE)
    delete_cookie(request, REFRESH_COOKIE)


async def sign_in(request: web.Request, pair: TokenPair) -> None:
    """Begin the browser's session with the tokens of a login."""
    await _begin(request, pair.access_token)
    _keep(request, pair)


async def sign_in_guest(request: web.Request, *, access_token: str, expires_in: int) -> None:
    """Begin the session of a guest, which cannot be refreshed."""
    await _begin(request, access_token)
    set_cookie(request, ACCESS_COOKIE, access_token, max_age_s=expires_in)
    delete_cookie(request, REFRESH_COOKIE)


async def sign_out(request: web.Request) -> None:
    """End the browser's session, on the server as well."""
    address = client_address(request)
    context, access, refresh = request.app[ACCOUNTS], request[ACCESS_TOKEN], request.cookies.get(REFRESH_COOKIE)
    with suppress(InvalidToken, NotFound):  # it has ended already
        if access is not None:
            identity = await request.app[ACCESS_TOKENS].verify(access)
            await accounts.end_session(context, session_id=identity.session_id, user_id=identity.user_id)
            security_log.record(
                "logout", user_id=identity.user_id, address=address, session_id=str(identity.session_id)
            )
        elif refresh is not None:
            await accounts.log_out(context, refresh_token=refresh, address=address)
    forget(request)


def forget(request: web.Request) -> None:
    """Delete the cookies of a session that has ended."""
    delete_cookie(request, ACCESS_COOKIE)
    delete_cookie(request, REFRESH_COOKIE)
    request[USER], request[ACCESS_TOKEN] = None, None
    renew_form_secret(request)


async def _begin(request: web.Request, access_token: str) -> None:
    if not await _use(request, access_token):
        raise InvalidToken
    renew_form_secret(request)  # forms that this browser got before the sign-in are refused after it


async def _use(request: web.Request, access_token: str) -> bool:
    try:
        identity = await request.app[ACCESS_TOKENS].verify(access_token)
    except InvalidToken:
        return False
    request[USER], request[ACCESS_TOKEN] = identity.user, access_token
    return True


def _keep(request: web.Request, pair: TokenPair) -> None:
    set_cookie(request, ACCESS_COOKIE, pair.access_token, max_age_s=pair.expires_in)
    set_cookie(request, REFRESH_COOKIE, pair.refresh_token, max_age_s=request.app[ACCOUNTS].tokens.refresh_ttl_s)
