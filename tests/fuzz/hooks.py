"""Generators for schemathesis: values of formats that the document narrows or that JSON Schema does not define."""

from datetime import UTC, date, datetime

import schemathesis
from hypothesis import strategies as st

from reservation.http.preconditions import DOCUMENTED_TAGS

INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001

schemathesis.openapi.format("date-time", INSTANTS.map(lambda instant: instant.isoformat().replace("+00:00", "Z")))
schemathesis.openapi.format("date", st.dates(date(1970, 1, 2), date(2199, 12, 31)).map(date.isoformat))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Chatham"]))
schemathesis.openapi.format("etags", st.from_regex(rf"\*|{DOCUMENTED_TAGS}", fullmatch=True))
