"""Titles and genres are found without regard to case, accents, width and the locale of the database."""

from collections.abc import Iterator
from unicodedata import normalize
from urllib.parse import urlencode

import pytest

from reservation.embedded import Embedded
from tests.api import Api, Connection
from tests.conftest import TEMPLATE, cloned

FOUND = [
    ("Am\u00e9lie", ["amelie", "AM\u00c9LIE", normalize("NFD", "AM\u00c9LIE"), "\uff21\uff2d\uff25", " elie "]),
    ("L\u2019Avventura", ["l'avv", "L\u2019AVV"]),
    ("Das Stra\u00dfenmusical", ["STRASSEN", "stra\u00dfen", "STRA\u1e9eEN"]),
    ("\u00d8yenstikker", ["oyen", "\u00f8YEN"]),
    ("\u015awi\u0119ta \u0141\u00f3d\u017a", ["swieta lodz", "\u0141\u00d3D\u0179"]),
    ("\u0130stanbul'da I\u015f\u0131k", ["istanbul", "isik", "I\u015eIK"]),
    ("\u0397 \u03b6\u03c9\u03ae \u03c4\u03b7\u03c2", ["\u0396\u03a9\u0397", "\u03a4\u0397\u03a3"]),
    ("\u0421\u043e\u043b\u044f\u0440\u0438\u0441", ["\u0421\u041e\u041b\u042f\u0420\u0418\u0421"]),
    ("\uff8e\uff9f\uff86\uff6e\uff8a\u306e\u304c\u3051", ["\u30dd\u30cb\u30e7", "\u304c\u3051"]),
    ("\ud55c\uad6d \uc601\ud654", ["\ud55c", normalize("NFD", "\uc601\ud654")]),
    ("Alien\u00b3", ["alien3", "ALIEN\u00b3"]),
]  # fmt: skip
NOT_FOUND = [("\u304b\u3051", "\u304c\u3051"), ("\ud558\ub098", "\ud55c"), ("Am\u00e9lie", "ameliee")]


@pytest.fixture(params=["C.UTF-8", "C"])
def database_url(request: pytest.FixtureRequest, servers: Embedded, template_in_c: str) -> Iterator[str]:
    """A database of the locale in which lower() knows Unicode, and one in which it knows ASCII only."""
    with cloned(servers, template=template_in_c if request.param == "C" else TEMPLATE) as url:
        yield url


async def titles(api: Api, **query: str) -> list[str]:
    answer = await api.call("GET", f"/movies?{urlencode(query)}")
    assert answer.status == 200, answer.text
    return [movie["title"] for movie in answer.json["items"]]


async def test_titles_are_found_in_every_spelling(api: Api) -> None:
    for title, _ in FOUND:
        await api.movie(title=title)
    for title, queries in FOUND:
        for query in queries:
            assert await titles(api, q=query) == [title], (title, query)


async def test_other_words_are_not_found(api: Api) -> None:
    for title, query in NOT_FOUND:
        await api.movie(title=title)
        assert title not in await titles(api, q=query)


async def test_a_title_that_is_changed_is_found_by_its_new_words_only(api: Api, db: Connection) -> None:
    movie_id = await api.movie(title="Am\u00e9lie")
    await db.execute("update movies set title = 'L\u00e9on' where id = $1", movie_id)  # by a DBA
    assert await titles(api, q="leon") == ["L\u00e9on"]
    assert await titles(api, q="amelie") == []
    await db.execute("update movies set folded_title = 'x'")
    assert await titles(api, q="leon") == ["L\u00e9on"]


async def test_genres_are_found_in_every_spelling(api: Api) -> None:
    auditorium_id, _ = await api.auditorium()
    movie_id = await api.movie(title="Am\u00e9lie", genre="Com\u00e9die")
    await api.showtime(movie_id, auditorium_id)
    for genre in ("comedie", "COM\u00c9DIE", normalize("NFD", "com\u00e9die"), "\uff23om\u00e9die"):
        assert await titles(api, genre=genre) == ["Am\u00e9lie"]
        for more in ({}, {"sort": "price_from"}):
            shown = await api.call("GET", f"/showtimes?{urlencode({'genre': genre, **more})}")
            assert [item["movie_id"] for item in shown.json["items"]] == [movie_id]
    assert await titles(api, genre="comedi") == []


async def test_a_text_without_letters_to_compare_finds_nothing(api: Api) -> None:
    await api.movie(title="Am\u00e9lie")
    for query in ("\u0301", "\u00ad", "\u200b"):
        assert await titles(api, q=query) == []


async def test_titles_are_folded_in_a_session_without_a_search_path(api: Api, db: Connection) -> None:
    """As in the script of a pg_dump of the data."""
    async with db.transaction():
        await db.execute("set local search_path = ''")
        await db.execute("insert into public.movies (title, duration_minutes) values ('L\u00e9on', 90)")
    assert await titles(api, q="leon") == ["L\u00e9on"]
