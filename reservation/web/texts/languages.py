"""Languages of the pages: message catalogues, and the forms of the reader's locale."""

import io
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from aiohttp import web
from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ...http.input.accept_language import MAX_HEADER_CHARS, accepted_locales
from ...runtime.locale_formats import LocaleFormats, local_time

__all__ = ["CATALOGUES", "COOKIE", "NAMES", "Language", "language_of", "local_time", "translations"]

CATALOGUES = Path(__file__).parents[1] / "locales"
# The first is the language of the source.
NAMES = {"en": "English", "de": "Deutsch"}
REGION_CHARS = 2  # of a country; regions such as 001 are groups of them
COOKIE = "__Host-language"
SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z])")


@dataclass(frozen=True)
class Language(LocaleFormats):
    """A language of the pages, and the locale whose forms its reader is used to, such as de and de_AT."""

    code: str

    @property
    def translations(self) -> NullTranslations:
        """The messages."""
        return translations(self.code)

    @property
    def tag(self) -> str:
        """The language with the reader's region, such as en-GB; without one that is no country."""
        region = self.locale.territory or ""
        return f"{self.code}-{region}" if len(region) == REGION_CHARS else self.code

    def gettext(self, message: str) -> str:
        """A message in this language."""
        return self.translations.gettext(message)

    def sentences(self, text: str) -> str:
        """A text of several messages, such as the reasons why a password is refused, each in this language."""
        return " ".join(map(self.gettext, SENTENCE_END.split(text)))

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """One of two messages, by a number."""
        return self.translations.ngettext(singular, plural, number)


def language_of(request: web.Request) -> Language:
    """By the cookie that the switch sets, else by Accept-Language, else English."""
    return _chosen(request.cookies.get(COOKIE, ""), request.headers.get("Accept-Language", "")[:MAX_HEADER_CHARS])


@cache
def translations(code: str) -> NullTranslations:
    """The catalogues of a language as one; reading them takes some 20 ms."""
    found = NullTranslations()
    for path in sorted((CATALOGUES / code).glob("*.po")):
        with path.open("rb") as source:
            compiled = io.BytesIO()
            write_mo(compiled, read_po(source, locale=code))
        compiled.seek(0)
        catalogue = GNUTranslations(compiled)
        catalogue.add_fallback(found)
        found = catalogue
    return found


@lru_cache(maxsize=1024)
def _chosen(cookie: str, accepted: str) -> Language:
    locales = [locale for locale in accepted_locales(accepted) if locale.language in NAMES]
    code = cookie if cookie in NAMES else locales[0].language if locales else next(iter(NAMES))
    return Language(next((locale for locale in locales if locale.language == code), Locale(code)), code)
