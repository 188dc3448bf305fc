"""Generated posters: the same for the same film, valid for any title, readable, and cached."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pytest

from reservation.web.posters import palettes as poster_palettes
from reservation.web.posters.poster import STYLES, poster_of, poster_src
from reservation.web.posters.text import clean, fitted, is_right_to_left
from tests.api import Api
from tests.web.visitor import visitor_of

TITLES = (
    "M",
    "The Lord of the Rings: The Fellowship of the Ring",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "七人の侍",
    "千と千尋の神隠し：湯屋の長い長い物語と不思議な町の人々の物語",
    "הכלה מהים",
    "لورنس العرب",
    "A <b>& \"B\"</b> 'C' ]]>",
    "กาลครั้งหนึ่ง 😀🎬",
    "\x01 \ufffe \x7f",
    "W" * 300,
    " ".join(["many words"] * 30),
)
SVG = "{http://www.w3.org/2000/svg}"


def _movie(title: str, genre: str = "Drama", **more: Any) -> Mapping[str, Any]:
    return {"id": 7, "title": title, "genres": [genre], "director": "Ada <Berg>", "poster_url": None} | more


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("genre", [*STYLES, "", "Unheard of"])
def test_a_poster_is_valid_svg_whose_title_stays_inside(title: str, genre: str) -> None:
    root = ElementTree.fromstring(poster_of(_movie(title, genre)).body)  # noqa: S314 - our own
    assert (root.tag, root.get("viewBox")) == (f"{SVG}svg", "0 0 400 600")
    for line in root.iter(f"{SVG}text"):
        assert float(line.get("textLength", "0")) <= 344.5
        assert 0 < float(line.get("y", "0")) < 600
    elements = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert elements.isdisjoint({"script", "style", "foreignObject", "image", "b"})


@pytest.mark.parametrize("title", TITLES)
def test_a_title_fits_and_is_cut_only_if_it_is_very_long(title: str) -> None:
    block = fitted(clean(title), width=344, height=196)
    assert block.height <= 196
    assert all(width <= 344.5 for width in block.widths)
    if len(title) < 90:
        assert "".join("".join(block.lines).split()) == "".join(clean(title).split())


def test_a_poster_depends_on_the_film_alone() -> None:
    first = poster_of(_movie("Northern Lights")).body
    assert poster_of(_movie("Northern Lights", poster_url="https://elsewhere.example/a.jpg")).body == first
    assert poster_of(_movie("Southern Lights")).body != first
    assert len({poster_of(_movie("Northern Lights", id=number)).body for number in range(20)}) > 10


@pytest.mark.parametrize("palette", poster_palettes.ALL)
def test_the_title_contrasts_with_what_it_stands_on(palette: poster_palettes.Palette) -> None:
    light, dark = sorted((_luminance(palette.ink), _luminance(palette.ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 7


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_title_from_right_to_left_begins_on_the_right() -> None:
    assert is_right_to_left("(הכלה)")
    assert not is_right_to_left("1. Titel")
    assert b'direction="rtl"' in poster_of(_movie("הכלה")).body


def test_a_film_with_a_picture_has_that() -> None:
    assert poster_src(_movie("X", poster_url="https://elsewhere.example/a.jpg")) == "https://elsewhere.example/a.jpg"
    assert poster_src({"id": 7, "title": "X"}) == "/posters/7.svg"


async def test_a_poster_is_kept_for_a_year_at_the_address_of_its_content(api: Api) -> None:
    film = await api.movie(title="Northern Lights", genres=["Drama"])
    page = await (await visitor_of(api)).open(f"/films/{film}")
    src = page.html.partition('class="poster" src="')[2].partition('"')[0]
    async with api.client.get(src) as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")
        assert "immutable" in response.headers["Cache-Control"]
        assert "Set-Cookie" not in response.headers
        tag = response.headers["ETag"]
    async with api.client.get(src, headers={"If-None-Match": tag}) as response:
        assert response.status == 304
    async with api.client.get(f"/posters/{film}.svg?v=another") as response:
        assert (response.status, response.headers["Cache-Control"]) == (200, "no-cache")
    async with api.client.get("/posters/4711.svg") as response:
        assert response.status == 404


async def test_the_poster_of_a_film_with_a_picture_leads_there(api: Api) -> None:
    film = await api.movie(poster_url="https://elsewhere.example/a.jpg")
    async with api.client.get(f"/posters/{film}.svg", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "https://elsewhere.example/a.jpg")
