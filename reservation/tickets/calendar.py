"""A reservation as a calendar entry (RFC 5545), in the time zone of its cinema.

Its UID is that of the reservation, so that a later one replaces it. SEQUENCE is in seconds: from the confirmation to
the last change of the reservation or of its showtime, so that it rises with every change.
"""

from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, TimezoneDaylight, TimezoneStandard

from ..db.repository.reservation_rows import Reservation
from ..errors import ReservationCancelled
from .issue import require_confirmed, showtime_of
from .printed import text_of

PRODUCT = "-//reservation//tickets//EN"
# The rules of the time zone that the entry has are those of the year around it.
ZONE_BEFORE, ZONE_AFTER = timedelta(days=366), timedelta(days=366)


def calendar_entry(reservation: Reservation, changed_at: datetime | None, language: str) -> bytes:
    """The entry of a confirmed reservation; of one that was cancelled afterwards, the entry that takes it back.

    `changed_at` is the last change of its seats or its showtime. Raises ReservationNotConfirmed, HoldExpired, and
    ReservationCancelled for a hold that was released.
    """
    is_cancelled = reservation.status == "cancelled"
    if not is_cancelled:
        require_confirmed(reservation)
    confirmed_at = reservation.confirmed_at
    if confirmed_at is None:
        raise ReservationCancelled
    last = max(each for each in (confirmed_at, changed_at, reservation.cancelled_at) if each is not None)
    event = _event(reservation, language)
    event.add("sequence", ceil((last - confirmed_at).total_seconds()))
    event.add("dtstamp", last.astimezone(UTC).replace(microsecond=0))
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if is_cancelled else "PUBLISH")
    calendar.add_component(event)
    day = showtime_of(reservation).starts_at.date()
    calendar.add_missing_timezones(first_date=day - ZONE_BEFORE, last_date=day + ZONE_AFTER)
    _correct_onsets(calendar)
    return bytes(calendar.to_ical())


def _correct_onsets(calendar: Calendar) -> None:
    """Give the beginnings of summer time by the clock before the change, as RFC 5545 wants them (3.6.5).

    icalendar gives them by the clock after it: 03:00 in place of 02:00. Those of winter time are right.
    """
    rules = [rule for zone in calendar.walk("VTIMEZONE") for rule in zone.subcomponents]
    for rule in [each for each in rules if isinstance(each, TimezoneDaylight | TimezoneStandard)]:
        skipped = rule.TZOFFSETTO - rule.TZOFFSETFROM
        if skipped <= timedelta():
            continue
        rule.DTSTART -= skipped
        if "RDATE" in rule:
            later = [each.dt - skipped for each in rule.pop("RDATE").dts]
            rule.add("RDATE", later)


def _event(reservation: Reservation, language: str) -> Event:
    showtime = showtime_of(reservation)
    zone = ZoneInfo(showtime.cinema.timezone)
    row, seat = text_of("row", language), text_of("seat", language)
    seats = [f"{row} {each.row_label}, {seat} {each.seat_number}" for each in reservation.seats]
    event = Event()
    event.add("uid", f"{reservation.id}@reservation")
    event.add("dtstart", showtime.starts_at.astimezone(zone))
    event.add("dtend", showtime.ends_at.astimezone(zone))
    event.add("summary", showtime.movie.title)
    event.add("location", f"{showtime.auditorium.name}, {showtime.cinema.name}")
    event.add("description", "\n".join([*seats, f"{text_of('code', language)} {reservation.code}"]))
    return event
