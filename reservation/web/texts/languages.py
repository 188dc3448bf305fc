"""Languages of the pages: message catalogues, and money, dates and numbers in the form of the reader's locale."""

import io
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, match_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

CATALOGUES = Path(__file__).parents[1] / "locales"
# The first is the language of the source.
NAMES = {"en": "English", "de": "Deutsch"}
COOKIE = "__Host-language"
MAX_HEADER_CHARS = 200
SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z])")


@dataclass(frozen=True)
class Language:
    """A language of the pages, and the locale whose forms its reader is used to, such as de and de_AT."""

    code: str
    locale: Locale

    @property
    def translations(self) -> NullTranslations:
        """The messages."""
        return translations(self.code)

    def gettext(self, message: str) -> str:
        """A message in this language."""
        return self.translations.gettext(message)

    def sentences(self, text: str) -> str:
        """A text of several messages, such as the reasons why a password is refused, each in this language."""
        return " ".join(map(self.gettext, SENTENCE_END.split(text)))

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """One of two messages, by a number."""
        return self.translations.ngettext(singular, plural, number)

    def money(self, amount: str | Decimal, currency: str) -> str:
        """An amount as the API has it: "12.50" of USD."""
        return format_currency(Decimal(amount), currency, locale=self.locale)

    def number(self, number: int | Decimal) -> str:
        """A number with the locale's separators."""
        return format_decimal(number, locale=self.locale)

    def day(self, day: date, form: str = "full") -> str:
        """A date: full, long, medium or short."""
        return format_date(day, form, locale=self.locale)

    def short_day(self, day: date) -> str:
        """The abbreviated day of the week, the day and the abbreviated month."""
        return format_skeleton("MMMEd", day, locale=self.locale)

    def long_day(self, day: date) -> str:
        """The day of the week, the day and the month, unabbreviated."""
        return format_date(day, _long_day(self.locale), locale=self.locale)

    def clock(self, time: str | datetime, timezone: str) -> str:
        """The time of day at a cinema, of a time as the API has it."""
        return format_time(local_time(time, timezone), "short", locale=self.locale)

    def moment(self, time: str | datetime, timezone: str, form: str = "full") -> str:
        """The date and the time of day at a cinema."""
        return f"{self.day(local_time(time, timezone).date(), form)}, {self.clock(time, timezone)}"

    def language_name(self, tag: str) -> str:
        """The name of a language, such as English for en; the tag itself if there is no name."""
        return _language_name(tag, self.locale)


def local_time(time: str | datetime, timezone: str) -> datetime:
    """A time as the API has it, in a time zone."""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return moment.astimezone(_zone(timezone))


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
    locales = [locale for locale in map(_locale, _by_weight(accepted)) if locale and locale.language in NAMES]
    code = cookie if cookie in NAMES else locales[0].language if locales else next(iter(NAMES))
    return Language(code, next((locale for locale in locales if locale.language == code), Locale(code)))


def _by_weight(accepted: str) -> list[str]:
    """The language tags of Accept-Language, the most wanted first."""
    weighted: list[tuple[float, str]] = []
    for item in accepted.split(","):
        tag, _, weight = item.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighted, key=lambda each: each[0]) if weight]


def _locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError, TypeError):
        return None


@lru_cache(maxsize=256)
def _long_day(locale: Locale) -> str:
    """The pattern; no locale has one with both names unabbreviated."""
    skeletons = locale.datetime_skeletons
    return re.sub("E+", "EEEE", skeletons[match_skeleton("MMMMEd", skeletons) or "MMMEd"].pattern)


@lru_cache(maxsize=1024)
def _language_name(tag: str, locale: Locale) -> str:
    named = _locale(tag)
    return (named and named.get_display_name(locale)) or tag


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
