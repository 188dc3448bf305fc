"""Set-Cookie headers. All cookies are HttpOnly, of this host alone (`__Host-`), and only sent over TLS or to localhost.

SameSite=Lax: a link from elsewhere, such as a mail, opens the page of a user who is signed in; a form does not.
"""

from aiohttp import web

from ..request_keys import SET_COOKIES

ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
YEAR_S = 365 * 86_400


def set_cookie(request: web.Request, name: str, value: str, *, max_age_s: int | None = None) -> None:
    """Let the response set a cookie, for so many seconds, or until the browser ends."""
    lifetime = "" if max_age_s is None else f"; Max-Age={max_age_s}"
    request[SET_COOKIES].append(f"{name}={value}; {ATTRIBUTES}{lifetime}")


def delete_cookie(request: web.Request, name: str) -> None:
    """Let the response delete a cookie, if the request has it."""
    if name in request.cookies:
        set_cookie(request, name, "", max_age_s=0)


def add_cookies(request: web.Request, response: web.StreamResponse) -> None:
    """Let a response set the request's cookies."""
    for header in request[SET_COOKIES]:
        response.headers.add("Set-Cookie", header)
    request[SET_COOKIES].clear()
