"""Times as text: what RFC 3339 allows is read, and everything else is refused with a sentence that says why."""

from datetime import UTC, datetime

import pytest

from reservation.runtime.instants import parse_instant

AT = datetime(2030, 1, 31, 20, tzinfo=UTC)
LEAP = datetime(2017, 1, 1, tzinfo=UTC)
FORM = "Must be a time in RFC 3339 with an offset, such as 2030-01-31T20:00:00Z."
NO_OFFSET = "Has no offset from UTC: add Z or one such as +02:00."
NO_SUCH_TIME = "There is no such time."


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2030-01-31T20:00:00Z", AT),
        ("2030-01-31T20:00:00.5Z", AT.replace(microsecond=500_000)),
        ("2030-01-31T20:00:00.000Z", AT),  # JavaScript
        ("2030-01-31T20:00:00.123456Z", AT.replace(microsecond=123_456)),  # Python
        ("2030-01-31T20:00:00.1234567Z", AT.replace(microsecond=123_456)),  # .NET
        ("2030-01-31T20:00:00.999999999+00:00", AT.replace(microsecond=999_999)),  # Go and Java; not rounded
        (f"2030-01-31T20:00:00.{'9' * 1000}Z", AT.replace(microsecond=999_999)),
        ("2030-01-31T22:00:00+02:00", AT),
        ("2030-01-31T14:30:00-05:30", AT),
        ("2030-01-31T20:00:00-00:00", AT),
        ("2030-01-31t20:00:00z", AT),
        ("2030-01-31 20:00:00Z", AT),
        ("2016-12-31T23:59:60Z", LEAP),
        ("2017-01-01T00:59:60.25+01:00", LEAP.replace(microsecond=250_000)),
        ("2015-06-30T16:59:60-07:00", datetime(2015, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_time_in_rfc_3339_is_read_in_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", FORM), ("now", FORM), ("1706731200", FORM), ("2030-01-31", FORM), ("2030-01-31T20:00Z", FORM),
        ("2030-01-31T20:00:00.Z", FORM), ("2030-01-31T20:00:00,5Z", FORM), ("20300131T200000Z", FORM),
        ("2030-01-31T20:00:00+0200", FORM), ("2030-01-31T20:00:00+02", FORM), ("2030-01-31T20:00:00 Z", FORM),
        ("2030-01-31T20:00:00Z[Europe/Berlin]", FORM), ("٢030-01-31T20:00:00Z", FORM), ("2030-01-31T20:00:00Z\n", FORM),
        ("2030-01-31T24:00:00Z", FORM), ("2030-01-31T20:60:00Z", FORM), ("2030-01-31T20:00:61Z", FORM),
        ("2030-01-31T20:00:00+24:00", FORM), ("2030-01-31T20:00:00+23:60", FORM),
        ("2030-01-31T20:00:00\u221202:00", FORM),
        ("2030-01-31T20:00:00", NO_OFFSET), ("2030-01-31 20:00:00.123456789", NO_OFFSET),
        ("2030-02-29T20:00:00Z", NO_SUCH_TIME), ("2030-13-01T20:00:00Z", NO_SUCH_TIME),
        ("0000-01-01T00:00:00Z", NO_SUCH_TIME), ("0001-01-01T00:00:00+01:00", NO_SUCH_TIME),
        ("9999-12-31T23:59:60Z", NO_SUCH_TIME),
        ("2030-01-31T20:00:60Z", NO_SUCH_TIME), ("2017-03-31T23:59:60Z", NO_SUCH_TIME),
        ("2016-12-31T23:59:60+01:00", NO_SUCH_TIME), ("2016-12-30T23:59:60Z", NO_SUCH_TIME),
    ],
)  # fmt: skip
def test_another_text_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared
        parse_instant(text)
    assert str(refused.value) == why


@pytest.mark.parametrize("text", ["2030-01-31T20:00:00 02:00", "2030-01-31 20:00:00.1234567 00:00"])
def test_a_plus_that_became_a_space_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="send it as %2B"):
        parse_instant(text)
