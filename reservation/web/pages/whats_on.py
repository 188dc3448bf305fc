"""What is on: the films and showtimes of a day."""

from aiohttp import web

from ..api_client import ApiClient
from ..page_table import PageTable
from ..rendering import render

pages = PageTable()


@pages.get("/")
async def whats_on(request: web.Request) -> web.StreamResponse:
    """The films that are showing."""
    movies = await ApiClient(request).get("/movies", now_showing="true", limit=50)
    return render(request, "whats_on.html", movies=movies["items"])
