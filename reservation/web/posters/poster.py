"""Posters for films without a picture: SVG that depends on nothing but the film, at /posters/{movie_id}.svg."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from random import Random
from typing import Any

from aiohttp import web
from markupsafe import escape

from ...http.output.compression import REVALIDATE
from ...http.output.fixed_files import TYPES, Fixed, fixed_response
from ...seatmap.drawing import compress
from ..api_client import ApiClient
from ..assets import FOREVER
from ..request_keys import ACCESS_TOKEN
from . import art, palettes
from .art import HEIGHT, WIDTH, Composition
from .palettes import Palette
from .text import Block, clean, fitted, shortened, svg_lines

ROUTE = "/posters/{movie_id:[0-9]+}.svg"
TAG_CHARS = 10
MAX_KEPT = 512  # of some 5 kB
MARGIN = 28
TITLE_HEIGHT = 196  # the most
TITLE_BOTTOM = 548
CREDIT_SIZE = 15
SANS = "'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif"
DARK = (palettes.MIDNIGHT, palettes.OCEAN, palettes.VIOLET, palettes.DUSK, palettes.LAGOON)
LIGHT = (palettes.CREAM, palettes.MINT, palettes.SKY, palettes.MUSTARD, palettes.CORAL, palettes.BLUSH)
GRIM = (palettes.NOIR, palettes.EMBER, palettes.WOOD, palettes.MIDNIGHT, palettes.WINE)
ANY: tuple[Composition, ...] = (
    *(art.horizon, art.rays, art.orbits, art.skyline, art.spiral),
    *(art.stripes, art.tiles, art.trunks, art.waves, art.stage),
)
# The pictures and colours that suit a genre, by what its name begins with, in lower case.
STYLES: Mapping[str, tuple[tuple[Composition, ...], tuple[Palette, ...]]] = {
    "sci": (
        (art.orbits, art.orbits, art.spiral, art.rays, art.skyline),
        (*DARK, palettes.EMBER, palettes.WINE, palettes.NOIR),
    ),
    "fantasy": ((art.trunks, art.horizon, art.orbits), (*DARK, palettes.WOOD)),
    "horror": ((art.trunks, art.spiral, art.skyline), GRIM),
    "thriller": ((art.skyline, art.spiral, art.stripes), (*GRIM, palettes.OCEAN, palettes.LAGOON)),
    "crime": ((art.skyline, art.stripes), GRIM),
    "mystery": ((art.spiral, art.trunks, art.skyline), (*GRIM, palettes.VIOLET)),
    "action": ((art.rays, art.stripes, art.skyline), (*GRIM, palettes.MUSTARD, palettes.DUSK)),
    "adventure": ((art.horizon, art.waves, art.rays), (*DARK, palettes.CREAM, palettes.CORAL)),
    "western": ((art.horizon, art.rays), (palettes.CREAM, palettes.CORAL, palettes.EMBER, palettes.DUSK)),
    "war": ((art.horizon, art.stripes), GRIM),
    "comedy": ((art.tiles, art.rays, art.stripes), LIGHT),
    "animation": ((art.tiles, art.waves, art.horizon, art.rays), LIGHT),
    "family": ((art.tiles, art.waves, art.horizon), LIGHT),
    "romance": ((art.waves, art.horizon, art.tiles), (*LIGHT, palettes.DUSK, palettes.WINE)),
    "drama": ((art.waves, art.skyline, art.horizon, art.trunks), (*DARK, palettes.WINE, palettes.CREAM)),
    "music": ((art.stage, art.stripes, art.tiles), (palettes.WINE, palettes.VIOLET, palettes.DUSK, palettes.CORAL)),
    "biography": ((art.stage, art.tiles, art.waves), (palettes.CREAM, palettes.OCEAN, palettes.WINE, palettes.MINT)),
    "documentary": (
        (art.waves, art.horizon, art.orbits),
        (palettes.MINT, palettes.LAGOON, palettes.SKY, palettes.NOIR),
    ),
}


def poster_src(movie: Mapping[str, Any]) -> str:
    """The address of a film's poster: its picture, or the generated one, with a tag that changes with its content.

    A film of which only the id and the title are known, such as a reservation's, has an address without a tag.
    """
    if movie.get("poster_url"):
        return str(movie["poster_url"])
    tag = "" if "genres" not in movie else "?v=" + poster_of(movie).tag[:TAG_CHARS]
    return f"/posters/{movie['id']}.svg{tag}"


def poster_of(movie: Mapping[str, Any]) -> Fixed:
    """The generated poster of a film as the API has it."""
    return _poster(int(movie["id"]), str(movie["title"]), next(iter(movie["genres"]), ""), str(movie["director"] or ""))


async def serve_poster(request: web.Request) -> web.StreamResponse:
    """The poster; with the tag of its present content it may be kept for a year. Raises NotFound."""
    request[ACCESS_TOKEN] = None
    movie = await ApiClient(request).get(f"/movies/{request.match_info['movie_id']}")
    if movie["poster_url"]:
        return web.Response(status=302, headers={"Location": movie["poster_url"], "Cache-Control": REVALIDATE})
    poster = poster_of(movie)
    is_current = request.query.get("v") == poster.tag[:TAG_CHARS]
    return fixed_response(request, poster, TYPES[".svg"], cache_control=FOREVER if is_current else REVALIDATE)


@lru_cache(maxsize=MAX_KEPT)
def _poster(movie_id: int, title: str, genre: str, director: str) -> Fixed:
    """It takes some 0.5 ms."""
    body = "".join(_drawn(movie_id, clean(title), clean(genre), clean(director))).encode()
    return Fixed(body, hashlib.sha256(body).hexdigest()[:32], compress(body))


def _drawn(movie_id: int, title: str, genre: str, director: str) -> Iterator[str]:
    rng = Random(f"{movie_id} {title}")  # noqa: S311 - a picture
    compositions, colours = _style(genre)
    composition, palette = rng.choice(compositions), rng.choice(colours)
    block = fitted(title.upper(), width=WIDTH - 2 * MARGIN, height=TITLE_HEIGHT)
    top = TITLE_BOTTOM - block.height
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
    yield '<defs><linearGradient id="s" x2="0" y2="1">'
    yield f'<stop stop-color="{palette.sky}"/><stop offset=".62" stop-color="{palette.glow}"/></linearGradient>'
    yield '<linearGradient id="g" x2="0" y2="1">'
    yield f'<stop stop-color="{palette.ground}" stop-opacity="0"/>'
    yield f'<stop offset=".6" stop-color="{palette.ground}" stop-opacity=".8"/>'
    yield f'<stop offset="1" stop-color="{palette.ground}"/>'
    yield f'</linearGradient></defs><path d="M0 0h{WIDTH}v{HEIGHT}H0z" fill="url(#s)"/>'
    yield from composition(rng, palette)
    yield f'<path d="M0 {top - 142:.0f}h{WIDTH}v120H0z" fill="url(#g)"/>'
    yield f'<path d="M0 {top - 22.5:.1f}h{WIDTH}V{HEIGHT}H0z" fill="{palette.ground}"/>'
    yield from _words(block, top, palette, director or genre, centred=rng.random() < 0.3)
    yield "</svg>"


def _style(genre: str) -> tuple[tuple[Composition, ...], tuple[Palette, ...]]:
    folded = genre.casefold()
    return next((style for begin, style in STYLES.items() if folded.startswith(begin)), (ANY, palettes.ALL))


def _words(block: Block, top: float, palette: Palette, credit: str, *, centred: bool) -> Iterator[str]:
    anchor = ' text-anchor="middle"' if centred else ""
    yield f'<g font-family="{escape(SANS)}" fill="{palette.ink}" font-weight="700"{anchor}>'
    yield f'<g font-size="{block.size}" font-weight="800">'
    yield from svg_lines(block, left=MARGIN, right=WIDTH - MARGIN, top=top, centred=centred)
    yield "</g>"
    left = WIDTH // 2 - 20 if centred else MARGIN
    yield f'<path d="M{left} {TITLE_BOTTOM + 11}h40v3h-40z" fill="{palette.ink}" opacity=".7"/>'
    if credit:
        x = WIDTH / 2 if centred else MARGIN
        yield f'<text x="{x:g}" y="{TITLE_BOTTOM + 34}" font-size="{CREDIT_SIZE}" letter-spacing="1.5" opacity=".85">'
        yield f"{escape(shortened(credit.upper(), width=(WIDTH - 2 * MARGIN) / CREDIT_SIZE, spacing=0.1))}</text>"
    yield "</g>"
