"""Times as text: the one parser of RFC 3339, for bodies, queries, cursors and CSV files."""

import re
from datetime import UTC, datetime, timedelta

# Lower-case letters and a space in place of T are RFC 3339 (5.6); the number of fraction digits is not limited there.
_RFC_3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>(?:[01]\d|2[0-3]):[0-5]\d):(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d+))?"
    r"(?P<offset>[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)
_LOST_PLUS = re.compile(r"\S{10}[Tt ][0-9:.]+ \d\d:\d\d", re.ASCII)
_FORM = "Must be a time in RFC 3339 with an offset, such as 2030-01-31T20:00:00Z."


def parse_instant(text: str) -> datetime:
    """A time in RFC 3339 with an offset, in UTC; digits beyond microseconds are cut. Raises ValueError with a sentence.

    A leap second, 23:59:60 in UTC on the last day of June or December, is the first second after it, as in PostgreSQL.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None and _LOST_PLUS.fullmatch(text):
        raise ValueError("Has a space where the offset begins: in a query string, + is a space; send it as %2B.")
    if found is None:
        raise ValueError(_FORM)
    if found["offset"] is None:
        raise ValueError("Has no offset from UTC: add Z or one such as +02:00.")
    fraction = (found["fraction"] or "0")[:6].ljust(6, "0")
    is_leap = found["second"] == "60"
    second = "59" if is_leap else found["second"]
    try:
        local = datetime.fromisoformat(f"{found['date']}T{found['time']}:{second}.{fraction}{found['offset'].upper()}")
        instant = local.astimezone(UTC)
        if is_leap and f"{instant:%m-%d %H:%M}" not in ("06-30 23:59", "12-31 23:59"):
            raise ValueError
        return instant + timedelta(seconds=is_leap)
    except (ValueError, OverflowError):
        raise ValueError("There is no such time.") from None
