"""Films: the list with a search, and the form."""

from typing import Any

from aiohttp import web

from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import number_of, optional, text_of
from ...page_table import PageTable
from ...rendering import render
from ...request_keys import FORM
from .managed_things import ManagedThing, Thing

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

A_PAGE = 50
MOST = 2000
OPTIONAL = ("poster_url", "age_rating", "release_date", "original_language", "director")
FIELDS = ("title", "description", "duration_minutes", *OPTIONAL)


@pages.get("/manage/films")
async def list_films(request: web.Request) -> web.StreamResponse:
    """The films in the order of their titles, by part of the title and by whether they are showing."""
    query = request.query
    asked = {name: query.get(name, "").strip() for name in ("q", "now_showing")}
    found = await ApiClient(request).every("/admin/movies", most=MOST, **asked)
    found.sort(key=lambda film: film["title"].casefold())
    page = max(number_of(query.get("page", "")) or 1, 1)
    is_last = page * A_PAGE >= len(found)
    return render(
        request,
        "manage/films.html",
        films=found[(page - 1) * A_PAGE : page * A_PAGE],
        asked=asked,
        page=None if page == 1 else page,
        next_page=None if is_last else page + 1,
    )


def film_body(request: web.Request) -> dict[str, Any]:
    """The API's body of a film."""
    genres = (genre.strip() for genre in text_of(request, "genres").split(","))
    return {
        "title": text_of(request, "title"),
        "description": text_of(request, "description"),
        "duration_minutes": optional(request, "duration_minutes", int),
        "genres": [genre for genre in genres if genre],
        "waiting_room": "waiting_room" in request[FORM],
        **{name: optional(request, name) for name in OPTIONAL},
    }


def film_fields(_request: web.Request, film: Thing) -> dict[str, Any]:
    """The form's values of a film."""
    others = {"genres": ", ".join(film["genres"]), "waiting_room": "on" if film["waiting_room"] else None}
    return {name: film[name] for name in FIELDS} | others


ManagedThing(
    api="/admin/movies",
    path="/manage/films",
    template="manage/film.html",
    body=film_body,
    fields=film_fields,
    new=dict.fromkeys((*FIELDS, "genres", "waiting_room")),
    listed_at="/manage/films",
).add_to(pages)
