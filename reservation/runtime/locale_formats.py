"""Money, dates, times and numbers in the form of a locale."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, match_skeleton
from babel.numbers import format_currency, format_decimal


@dataclass(frozen=True)
class LocaleFormats:
    """The forms that the readers of a locale, such as de_AT, are used to."""

    locale: Locale

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

    def exact_clock(self, time: str | datetime, timezone: str) -> str:
        """The time of day with its seconds and the zone, such as 7:00:05 PM CET."""
        return f"{format_time(local_time(time, timezone), 'medium', locale=self.locale)} {zone_name(time, timezone)}"

    def zoned_clock(self, time: str | datetime, timezone: str) -> str:
        """The time of day and the zone, such as 7:00 PM CET."""
        return f"{self.clock(time, timezone)} {zone_name(time, timezone)}"

    def local_day(self, time: str | datetime, timezone: str, form: str = "full") -> str:
        """The date at a cinema, of a time as the API has it."""
        return self.day(local_time(time, timezone).date(), form)

    def moment(self, time: str | datetime, timezone: str, form: str = "full") -> str:
        """The date and the time of day at a cinema."""
        return f"{self.local_day(time, timezone, form)}, {self.clock(time, timezone)}"

    def language_name(self, tag: str) -> str:
        """The name of a language, such as English for en; the tag itself if there is no name."""
        return _language_name(tag, self.locale)


def local_time(time: str | datetime, timezone: str) -> datetime:
    """A time as the API has it, in a time zone."""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return moment.astimezone(_zone(timezone))


def zone_name(time: str | datetime, timezone: str) -> str:
    """The short name of a time zone at a time, such as CET, or UTC+03 where it has none."""
    name = local_time(time, timezone).tzname() or timezone
    return f"UTC{name}" if name[0] in "+-" else name


def capitalized(name: str) -> str:
    """A name with a capital letter in front, such as Standard for the ticket type standard."""
    return name[:1].upper() + name[1:]


def parse_locale(tag: str) -> Locale | None:
    """The locale of a language tag such as de-AT; None if there is none."""
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
    named = parse_locale(tag)
    return (named and named.get_display_name(locale)) or tag


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
