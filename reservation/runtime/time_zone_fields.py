"""Marshmallow fields for names of time zones."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError, fields

# What a system's folder of time zones has beside the zones: one for machines that are not set up, the machine's own,
# and copies of all zones with other rules.
NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})
OTHER_FOLDERS = ("posix/", "right/")


class TimeZone(fields.Field[ZoneInfo]):
    """The name of a time zone in the IANA database."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> ZoneInfo:
        try:
            if str(value) in NO_ZONES or str(value).startswith(OTHER_FOLDERS):
                raise ValueError(value)
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValidationError("There is no such time zone in the IANA database.") from None


class TimeZoneName(TimeZone):
    """The name of a time zone in the IANA database, loaded as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Any:
        return super()._deserialize(value, attr, data, **rest).key
