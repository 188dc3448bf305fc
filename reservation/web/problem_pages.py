"""Problems as pages, for browsers: what happened, and where to go on."""

from http import HTTPStatus

import orjson
from aiohttp import web

from ..http.output.responses import SingleWriteResponse
from .rendering import render
from .request_keys import ACCESS_TOKEN, FORM_SECRET, IS_PAGE, LANGUAGE, SET_COOKIES, USER
from .sessions.cookies import add_cookies
from .sessions.form_tokens import read_form_secret
from .texts.languages import language_of
from .texts.messages import message_of_code

KEPT_HEADERS = ("Retry-After", "Allow")


def problem_page(request: web.Request, problem: SingleWriteResponse) -> SingleWriteResponse:
    """The problem as a page, if a page was asked for, or by a browser an unknown address; else the problem itself."""
    if not request.get(IS_PAGE) and not _is_refused_page(request) and not _is_browser_at_unknown_address(request):
        return problem
    request.setdefault(LANGUAGE, language_of(request))
    request.setdefault(SET_COOKIES, [])
    request.setdefault(USER, None)
    request.setdefault(ACCESS_TOKEN, None)
    if FORM_SECRET not in request:
        read_form_secret(request)
    members = orjson.loads(problem.body)
    page = render(
        request,
        "problem.html",
        status=problem.status,
        problem_status=problem.status,
        message=message_of_code(request[LANGUAGE], problem.status, members["code"]),
        request_id=members["request_id"],
        retry_after_s=problem.headers.get("Retry-After"),
        is_temporary=problem.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE),
        is_read=request.method in ("GET", "HEAD"),
        needs_totp=members["code"] == "totp_enrolment_required",
    )
    page.problem_code = members["code"]
    for name in KEPT_HEADERS:
        if name in problem.headers:
            page.headers[name] = problem.headers[name]
    add_cookies(request, page)
    return page


def _is_refused_page(request: web.Request) -> bool:
    """Whether it is a page that was refused before it was served."""
    return getattr(getattr(request.match_info.handler, "__self__", None), "is_page", False)


def _is_browser_at_unknown_address(request: web.Request) -> bool:
    """Whether a browser asks for a path that nothing has."""
    accepted = request.headers.get("Accept", "")
    is_browser = "text/html" in accepted and "json" not in accepted
    return is_browser and request.method in ("GET", "HEAD") and request.match_info.http_exception is not None
