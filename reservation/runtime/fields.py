"""Marshmallow fields of the API; each refuses values that its column or its reader cannot take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar
from unicodedata import normalize

import orjson
from marshmallow import Schema, ValidationError, fields, post_load, validate

from .instants import parse_instant

MAX_ID = 2**63 - 1
# RFC 3986 with a host and an optional port; marshmallow's own rule cannot be documented as a pattern.
HTTP_URL = (
    r"[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(:[0-9]{1,5})?"
    r"(/([A-Za-z0-9._~:@!$&'()*+,;=/-]|%[0-9A-Fa-f]{2})*)?"
    r"(\?([A-Za-z0-9._~:@!$&'()*+,;=/?-]|%[0-9A-Fa-f]{2})*)?"
    r"(#([A-Za-z0-9._~:@!$&'()*+,;=/?-]|%[0-9A-Fa-f]{2})*)?"
)
ROW_LABEL = r"[A-Z]{1,3}"
SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"
MAX_SLUG_CHARS = 40
LANGUAGE_TAG = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"
# The characters that str.strip() removes; dialects of regular expressions do not agree on \s.
BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Category Cc, and the separators of lines and paragraphs.
CONTROL = re.compile(r"[\u0000-\u001f\u007f-\u009f\u2028\u2029]")
CONTROL_IN_LINES = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]")
LINE_BREAK = re.compile(r"\r\n?")
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MONEY_LIMIT = Decimal("999999.99")  # times the highest price_modifier, 99.99, it fits the columns of booked prices
CENT = Decimal("0.01")


class Input(Schema):
    """A schema that loads into `loads_as(**fields)`, mostly a frozen dataclass; it refuses unknown fields."""

    loads_as: ClassVar[Any] = dict
    exactly_one_of: ClassVar[tuple[str, ...]] = ()  # optional fields, of which exactly one must be given
    depends_on: ClassVar[Mapping[str, str]] = {}  # a field, and the other field without which it must not be given

    @post_load
    def _load_as(self, data: Mapping[str, Any], **_: object) -> object:
        self._check_combination(data)
        return self.loads_as(**data)

    def _check_combination(self, given: Mapping[str, Any]) -> None:
        chosen = [name for name in self.exactly_one_of if name in given]
        if self.exactly_one_of and not chosen:
            raise ValidationError(f"One of {', '.join(self.exactly_one_of)} is required.", self.exactly_one_of[0])
        if len(chosen) > 1:
            raise ValidationError(f"Must not be given along with {chosen[0]}.", chosen[1])
        for name, other in self.depends_on.items():
            if name in given and other not in given:
                raise ValidationError(f"Must not be given without {other}.", name)


class VerbatimText(fields.String):
    """Text of a bounded length without NUL, which PostgreSQL cannot store; not blank unless `blank` is set."""

    def __init__(self, longest: int, *, shortest: int = 1, blank: bool = False, **rest: Any) -> None:
        super().__init__(validate=validate.Length(0 if blank else shortest, longest), **rest)
        self.longest = longest
        self._blank = blank

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        if "\0" in text:
            raise ValidationError("NUL characters are not allowed.")
        if not self._blank and not text.strip():
            raise ValidationError("Must not be blank.")
        return text

    def _check_length(self, text: str, most: int) -> None:
        if len(text) > most:
            raise ValidationError(f"Longer than maximum length {self.longest}.")


class Text(VerbatimText):
    """Text that people type, loaded in NFC without outer white space; only `lines` may have tabs and line breaks."""

    def __init__(self, longest: int, *, lines: bool = False, **rest: Any) -> None:
        super().__init__(longest, **rest)
        self.lines = lines

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        text = super()._deserialize(value, attr, data, **rest)
        self._check_length(text, self.longest)  # as typed, which is what the document says, and composed
        text = normalize("NFC", text).strip()
        if self.lines:
            text = LINE_BREAK.sub("\n", text)
        if (CONTROL_IN_LINES if self.lines else CONTROL).search(text):
            raise ValidationError("Control characters are not allowed.")
        return text


class Url(VerbatimText):
    """An absolute http or https URL."""

    def __init__(self, longest: int, **rest: Any) -> None:
        super().__init__(longest, metadata={"format": "uri", "pattern": f"^{HTTP_URL}$"}, **rest)
        self.validators.append(validate.Regexp(rf"{HTTP_URL}\Z", error="Not a valid URL."))


class LanguageTag(VerbatimText):
    """A language tag of the form that BCP 47 gives them; whether the language exists is not checked."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(35, metadata={"pattern": f"^{LANGUAGE_TAG}$", "examples": ["en", "pt-BR"]}, **rest)
        self.validators.append(validate.Regexp(rf"{LANGUAGE_TAG}\Z", error="Must be a language tag such as en."))


class RowLabel(fields.String):
    """The label of a row of seats: one to three capital letters."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        label = super()._deserialize(value, attr, data, **rest)
        if not re.fullmatch(ROW_LABEL, label):
            raise ValidationError("Must be one to three capital letters, such as A or AB.")
        return label


class Slug(fields.String):
    """A name of lower-case letters, digits, and single hyphens between them."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        slug = super()._deserialize(value, attr, data, **rest)
        if len(slug) > MAX_SLUG_CHARS or not re.fullmatch(SLUG, slug):
            raise ValidationError(
                f"Must be up to {MAX_SLUG_CHARS} lower-case letters and digits, with single hyphens between them."
            )
        return slug


class BoundedInteger(fields.Integer):
    """An integer between bounds, as a JSON number; 1.0 is an integer, too (JSON Schema, 4.2.3)."""

    def __init__(self, low: int, high: int, *, out_of_range: str | None = None, **rest: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(low, high, error=out_of_range), **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **rest)


class Id(BoundedInteger):
    """The id of a row: a positive 64-bit integer."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(1, MAX_ID, **rest)


class StrictBoolean(fields.Boolean):
    """`true` or `false`, without marshmallow's other spellings."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class BooleanParameter(fields.Boolean):
    """`true` or `false` in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> bool:
        if value not in ("true", "false"):
            raise self.make_error("invalid", input=value)
        return bool(value == "true")


class IntegerParameter(BoundedInteger):
    """An integer between bounds in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,19}", value, re.ASCII):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(int(value), attr, data, **rest)


class Money(fields.Field[Decimal]):
    """An amount with at most two decimal places, up to `limit`: a decimal string, or a number."""

    def __init__(self, *, limit: Decimal = MONEY_LIMIT, **rest: Any) -> None:
        super().__init__(**rest)
        self.limit = limit

    @property
    def pattern(self) -> str:
        """The regular expression for an amount that is sent as a string."""
        return rf"[0-9]{{1,{len(str(int(self.limit)))}}}(\.[0-9]{{1,2}})?"

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValidationError("Must be a decimal string or a number.")
        if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", value, re.ASCII):
            raise ValidationError('Must be a decimal such as "12.50".')
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            raise ValidationError("Not a valid number.") from None
        if not amount.is_finite() or not 0 <= amount <= self.limit:
            raise ValidationError(f"Must be between 0 and {self.limit}.")
        if amount != amount.quantize(CENT):
            raise ValidationError("Must not have more than two decimal places.")
        if isinstance(value, str) and not re.fullmatch(self.pattern, value):
            raise ValidationError('Must have no more zeros than "12.50" has.')
        return amount.quantize(CENT)


class Instant(fields.Field[datetime]):
    """A time in RFC 3339 with an offset, between the years 1970 and 2199; loaded in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> datetime:
        try:
            instant = parse_instant(value if isinstance(value, str) else "")
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if not EARLIEST <= instant < LATEST:
            raise ValidationError("Must be between the years 1970 and 2199.")
        return instant


class Day(fields.Field[date]):
    """A calendar day, YYYY-MM-DD."""

    earliest: ClassVar[date] = EARLIEST.date()

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            raise ValidationError("Must be a day such as 2030-01-31.")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValidationError("There is no such day.") from None
        if not self.earliest < day < LATEST.date():
            raise ValidationError(f"Must be between the years {self.earliest.year} and 2199.")
        return day


class ReleaseDay(Day):
    """A calendar day on which a film can have been released."""

    earliest: ClassVar[date] = date(1880, 1, 1)


@dataclass(frozen=True, slots=True)
class InvalidItem:
    """An item of a PartialList that is not valid, with marshmallow's messages."""

    messages: Any


class PartialList(fields.List[Any]):
    """A list in which an item that is not valid becomes an `InvalidItem`, and does not fail the list.

    The OpenAPI document shows a list of valid items.
    """

    def __init__(self, item: Schema, most: int, **rest: Any) -> None:
        super().__init__(fields.Nested(item), validate=validate.Length(1, most), **rest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        # The length first: no time is spent on the items of a list that is too long.
        self._validate(value)
        return [self._load_item(item) for item in value]

    def _load_item(self, item: Any) -> Any:
        try:
            return self.inner.deserialize(item)
        except ValidationError as error:
            return InvalidItem(error.messages)


class JsonObject(fields.Field[dict[str, Any]]):
    """Any JSON object; bodies have no NUL, so PostgreSQL can store it.

    `most_bytes` limits it: its bytes in UTF-8 without white space between tokens.
    """

    def __init__(self, *, most_bytes: int | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self._most_bytes = most_bytes

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("Must be a JSON object.")
        if self._most_bytes is not None and len(orjson.dumps(value)) > self._most_bytes:
            raise ValidationError(f"Must not have more than {self._most_bytes} bytes.")
        return value
