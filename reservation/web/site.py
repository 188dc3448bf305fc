"""The site: all its pages, and how each is served."""

from collections.abc import Set as AbstractSet
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web
from multidict import MultiDict

from ..errors import Forbidden
from ..http.app_keys import MAX_BODY, PROBLEM_PAGE, SETTINGS
from ..http.input.bodies import load_form_fields
from ..http.routes import Access
from .addresses import own_path
from .api_client import PasswordNeeded
from .assets import ROUTE, serve_asset
from .page_table import Page, see_other
from .pages import TABLES
from .posters.poster import ROUTE as POSTER_ROUTE, serve_poster
from .problem_pages import problem_page
from .programme.cache import PROGRAMME, Programme
from .rendering import add_templates
from .request_keys import FORM, IS_PAGE, LANGUAGE, SET_COOKIES, USER, WRITTEN_NOW
from .seat_map.view import add_drawings
from .sessions.browser_sessions import identify
from .sessions.cookies import add_cookies
from .sessions.form_tokens import check_form, read_form_secret
from .texts.languages import language_of

MAX_FIELDS = 4000  # a page may have a checkbox for each seat of a large auditorium


def add_site(app: web.Application) -> None:
    """Add the pages, their assets, and the pages for problems."""
    add_templates(app)
    add_drawings(app)
    app[PROBLEM_PAGE] = problem_page
    app[PROGRAMME] = Programme()
    app.router.add_get(ROUTE, serve_asset)
    app.router.add_get(POSTER_ROUTE, serve_poster)
    read = {page.path for table in TABLES for page in table.pages if page.method == "GET"}
    for table in TABLES:
        for page in table.pages:
            register = app.router.add_get if page.method == "GET" else app.router.add_post
            register(page.path, PageEndpoint(page).serve)
            if page.method == "POST" and page.path not in read:
                app.router.add_get(page.path, WayBack(page.path, read).redirect)


class WayBack:
    """Leads from the address of a form, which a reload or the language switch may open, to the page that it is on."""

    def __init__(self, path: str, read: AbstractSet[str]) -> None:
        self.dropped = 0  # parts of the path until it is a page's
        while path and path not in read:
            path, self.dropped = path.rpartition("/")[0], self.dropped + 1

    async def redirect(self, request: web.Request) -> web.Response:
        """A redirect (303)."""
        parts = request.rel_url.raw_path.split("/")
        return see_other("/".join(parts[: len(parts) - self.dropped]) or "/")


class PageEndpoint:
    """Serves one page."""

    is_page = True

    def __init__(self, page: Page) -> None:
        self.page = page
        self.lane = page.lane

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Run the page's handler for a user who may open it; a visitor who has to sign in first is led there.

        Raises HttpProblem for a form of another site, Forbidden, and what the handler raises.
        """
        request[IS_PAGE], request[SET_COOKIES], request[LANGUAGE] = True, [], language_of(request)
        read_form_secret(request)
        await identify(request)
        refusal = self._refusal(request)
        if refusal is None and self.page.method == "POST":  # a large form is read of users alone who may send one
            await self._read_form(request)
        try:
            response = refusal or await self.page.handler(request)
        except PasswordNeeded:
            response = _led_to("/confirm-password", request)
        if self.page.method == "POST" and (user := request[USER]) is not None and user.role == "admin":
            request.app[PROGRAMME].clear(
                request.get(WRITTEN_NOW)
            )  # it may have changed; the administrator is to see that at once
        if not response.prepared:
            add_cookies(request, response)
        return response

    async def _read_form(self, request: web.Request) -> None:
        """Set the request's form; raises HttpProblem for one of another site."""
        if self.page.access.roles:
            request[MAX_BODY] = request.app[SETTINGS].max_body_bytes
        request[FORM] = MultiDict(await load_form_fields(request, MAX_FIELDS))
        check_form(request)

    def _refusal(self, request: web.Request) -> web.Response | None:
        """None for a user who may open the page; raises Forbidden."""
        access, user = self.page.access, request[USER]
        if access is Access.PUBLIC:
            return None
        if user is None:
            return _led_to("/sign-in", request)
        if access.roles and user.role not in access.roles:
            raise Forbidden
        return None


def _led_to(path: str, request: web.Request) -> web.Response:
    """A redirect to a page that leads on to the one that was asked for."""
    return see_other(f"{path}?" + urlencode({"next": _after_sign_in(request)}, quote_via=quote))


def _after_sign_in(request: web.Request) -> str:
    """The page that was asked for; for a form, the page that it is on."""
    if request.method == "GET":
        return request.path_qs
    try:
        form_page = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    return own_path(form_page.path + (f"?{form_page.query}" if form_page.query else ""))
