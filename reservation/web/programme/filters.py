"""What a visitor asks for on the page of what is on: a day, a cinema, and filters; all of it is in the address."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from ..dates import date_of
from .offers import Offer

MAX_CHARS = 100
MAX_ID_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Search:
    """A day, a cinema and filters; None and empty for any."""

    day: date | None = None
    cinema_id: int | None = None
    genre: str = ""
    format: str = ""
    language: str = ""
    title: str = ""

    @property
    def has_filters(self) -> bool:
        """Whether something is asked for beside the day and the cinema."""
        return any((self.genre, self.format, self.language, self.title))

    def without_filters(self) -> "Search":
        """The day and the cinema alone."""
        return Search(self.day, self.cinema_id)

    def everywhere(self) -> "Search":
        """The same in all cinemas."""
        return replace(self, cinema_id=None)

    def on(self, day: date) -> "Search":
        """The same on another day."""
        return replace(self, day=day)

    def address(self) -> str:
        """The address of the page that shows this."""
        fields = {
            "date": self.day and self.day.isoformat(),
            "cinema": self.cinema_id,
            "genre": self.genre,
            "format": self.format,
            "language": self.language,
            "q": self.title,
        }
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"/?{query}" if query else "/"

    def fits_film(self, film: Mapping[str, Any]) -> bool:
        """Whether a film has the genre and the title."""
        if self.genre and folded(self.genre) not in map(folded, film["genres"]):
            return False
        return not self.title or folded(self.title) in folded(film["title"])

    def fits(self, offer: Offer) -> bool:
        """Whether a showtime has the version, whatever its film, its day and its cinema are."""
        showtime = offer.showtime
        return (not self.format or folded(showtime["format"] or "") == folded(self.format)) and (
            not self.language or showtime["audio_language"] == self.language
        )


def search_of(request: web.Request, cinemas: Mapping[int, Any]) -> Search:
    """What an address asks for; what is not valid, or an unknown cinema, counts as not given."""
    query = {name: text.strip()[:MAX_CHARS] for name, text in request.query.items()}
    cinema = query.get("cinema", "")
    cinema_id = int(cinema) if cinema.isascii() and cinema.isdigit() and len(cinema) <= MAX_ID_DIGITS else None
    return Search(
        day=date_of(query.get("date", "")),
        cinema_id=cinema_id if cinema_id in cinemas else None,
        genre=query.get("genre", ""),
        format=query.get("format", ""),
        language=query.get("language", ""),
        title=query.get("q", ""),
    )


def folded(text: str) -> str:
    """A text as it is compared: without case and accents."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))
