"""What a reader chooses for all pages: the language."""

from aiohttp import web

from ..addresses import own_path
from ..page_table import PageTable, see_other
from ..request_keys import FORM
from ..sessions.cookies import YEAR_S, set_cookie
from ..texts.languages import COOKIE, NAMES

pages = PageTable()


@pages.post("/language")
async def choose_language(request: web.Request) -> web.StreamResponse:
    """Keep the language, and show the page again on which it was chosen."""
    chosen = request[FORM].get("language", "")
    if chosen in NAMES:
        set_cookie(request, COOKIE, chosen, max_age_s=YEAR_S)
    return see_other(own_path(request[FORM].get("next", "")))
