"""Protection of forms against requests that other sites make (CSRF): the Origin, and a token in the form.

The token is a keyed hash of the random value of a cookie, with another nonce each time, so that the length of a
compressed page tells nothing about it.
"""

import hmac
import re
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from ...http.app_keys import ACCOUNTS, SETTINGS
from ...http.output.problems import HttpProblem
from ..request_keys import FORM, FORM_SECRET
from .cookies import set_cookie

COOKIE = "__Host-form"
FIELD = "form_token"
SECRET = re.compile(r"[0-9a-f]{32}")
NONCE_BYTES = 8


def read_form_secret(request: web.Request) -> None:
    """Set the request's form secret from its cookie, or a new one."""
    given = request.cookies.get(COOKIE, "")
    if SECRET.fullmatch(given):
        request[FORM_SECRET] = given
    else:
        renew_form_secret(request)


def renew_form_secret(request: web.Request) -> None:
    """Make the forms that this browser has got so far invalid."""
    request[FORM_SECRET] = secrets.token_hex(16)
    set_cookie(request, COOKIE, request[FORM_SECRET])


def form_token(request: web.Request) -> str:
    """A token for a form of the response."""
    nonce = secrets.token_hex(NONCE_BYTES)
    return nonce + _hash(request.app[ACCOUNTS].tokens.secrets[0], request[FORM_SECRET], nonce)


def check_form(request: web.Request) -> None:
    """Raise HttpProblem (403) for a form that this service has not shown to this browser."""
    if not _is_own_origin(request):
        raise _foreign_form()
    given = request[FORM].get(FIELD, "")
    nonce, hashed = given[: 2 * NONCE_BYTES], given[2 * NONCE_BYTES :]
    for secret in request.app[ACCOUNTS].tokens.secrets:
        if hmac.compare_digest(_hash(secret, request[FORM_SECRET], nonce).encode(), hashed.encode()):
            return
    raise _foreign_form()


def _is_own_origin(request: web.Request) -> bool:
    """Whether the Origin, or without one the Referer, is this site; every browser sends one of them with a form."""
    sent = request.headers.get("Origin") or request.headers.get("Referer", "")
    public_url = request.app[SETTINGS].public_url
    own = {request.host, urlsplit(public_url).netloc if public_url else request.host}
    try:
        return urlsplit(sent).netloc in own
    except ValueError:
        return False


def _foreign_form() -> HttpProblem:
    return HttpProblem(403, "foreign_form", "The form is too old, or comes from another site: open the page again.")


def _hash(secret: str, form_secret: str, nonce: str) -> str:
    return hmac.digest(secret.encode(), f"form:{form_secret}:{nonce}".encode(), "sha256").hex()[:32]
