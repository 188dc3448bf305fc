"""Tokens of mails: a link has its token in the query, and the page that it leads to keeps it in a cookie.

So the address of the page that is shown has no token: the browser's history, the Referer of its requests, and links to
the sign-in do not have it. The access log has paths without queries.
"""

import re

from aiohttp import web

from ..page_table import see_other
from ..request_keys import FORM
from .cookies import delete_cookie, set_cookie

TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")
KEPT_S = 30 * 60


def token_taken(request: web.Request, cookie: str) -> web.Response | None:
    """For the link of a mail: keeps its token, and leads to the same page without it; None for another request."""
    token = request.query.get("token")
    if token is None:
        return None
    if TOKEN.fullmatch(token):
        set_cookie(request, cookie, token, max_age_s=KEPT_S)
    return see_other(request.path)


def kept_token(request: web.Request, cookie: str) -> str | None:
    """The token of the link that was followed; None if it has to be typed."""
    token = request.cookies.get(cookie, "")
    return token if TOKEN.fullmatch(token) else None


def sent_token(request: web.Request, cookie: str) -> str:
    """The token that was typed into the form, or else that of the link."""
    return request[FORM].get("token", "").strip() or kept_token(request, cookie) or ""


def forget_token(request: web.Request, cookie: str) -> None:
    """Delete a token that is spent or not valid."""
    delete_cookie(request, cookie)
