"""The API's fields and schemas as JSON Schema, as strict as their validation."""

from decimal import Decimal
from inspect import cleandoc
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.field_converter import DEFAULT_FIELD_MAPPING
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import RAISE, Schema, fields

from ...db.repository.showtimes import STATUSES as SHOWTIME_STATUSES
from ...identity.api_key_format import Scope
from ...runtime.fields import (
    BLANK,
    MAX_SLUG_CHARS,
    ROW_LABEL,
    SLUG,
    Day,
    Input,
    Instant,
    JsonObject,
    Money,
    ReleaseDay,
    RowLabel,
    Slug,
    Text,
    VerbatimText,
)
from ...runtime.time_zone_fields import TimeZone, TimeZoneName
from ..output.schemas import ACCOUNT_ROLES, CANCELLED_BY, DISABLED_REASONS, RESERVATION_STATUSES, ROLES, SEAT_STATUSES
from ..paging import MAX_CURSOR_CHARS, Cursor

WITHOUT_NUL = r"^[^\u0000]*$"
WITHOUT_NUL_NOT_BLANK = rf"^[^\u0000]*[^{BLANK}\u0000][^\u0000]*$"
# Of runtime.fields.Text: white space of any kind around it, and in it no control characters, or of them those of lines.
CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
CONTROL_IN_LINES = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029"
# Keywords by field type, in addition to apispec's.
KEYWORDS: dict[type, dict[str, Any]] = {
    Money: {"pattern": r"^\d+\.\d{2}$", "examples": ["12.50"]},
    Instant: {"examples": ["2030-01-31T20:00:00Z"]},
    Day: {"examples": ["2030-01-31"]},
    ReleaseDay: {"examples": ["1982-06-25"]},
    TimeZone: {"examples": ["Europe/Berlin"]},
    TimeZoneName: {"format": "iana-time-zone", "examples": ["Europe/Berlin"]},
    Cursor: {"maxLength": MAX_CURSOR_CHARS, "description": "`next_cursor` of the page before"},
    JsonObject: {"additionalProperties": True, "description": "Anything but NUL characters, up to 30 levels deep"},
    RowLabel: {"pattern": f"^{ROW_LABEL}$"},
    Slug: {"pattern": f"^{SLUG}$", "maxLength": MAX_SLUG_CHARS},
}
# The years that are accepted in requests.
INPUT_PATTERNS: dict[type, str] = {
    Instant: r"^(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    Day: r"^(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}$",
    ReleaseDay: r"^(18[89][0-9]|19[0-9]{2}|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}$",
}
# Choices that several schemas share are one named schema, so that generated clients have one type for each.
NAMED_CHOICES: dict[tuple[str, ...], str] = {
    SEAT_STATUSES: "Availability",
    ROLES: "Role",
    ACCOUNT_ROLES: "AccountRole",
    RESERVATION_STATUSES: "ReservationStatus",
    SHOWTIME_STATUSES: "ShowtimeStatus",
    CANCELLED_BY: "CancelledBy",
    DISABLED_REASONS: "DisabledReason",
    (*Scope,): "Scope",
}


def component(kind: Schema | type[Schema]) -> str:
    """The name of a schema in the document: Movie for MovieOutput."""
    name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
    return name.removesuffix("Output")


class Converter(OpenAPIConverter):
    """Converts marshmallow to JSON Schema, including the API's own fields."""

    field_mapping = DEFAULT_FIELD_MAPPING | {
        fields.Integer: ("integer", "int64"),
        Money: ("string", "decimal"),
        Instant: ("string", "date-time"),
        Day: ("string", "date"),
        ReleaseDay: ("string", "date"),
        TimeZone: ("string", None),
        TimeZoneName: ("string", None),
        Cursor: ("string", None),
        JsonObject: ("object", None),
    }

    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """The JSON Schema of a field; the field's metadata takes precedence."""
        schema = {**_keywords(field), **super().field2property(field)}
        if isinstance(field, Money) and _is_input(field):
            schema["type"] = ["string", "number", *(["null"] if field.allow_none else [])]
        if isinstance(field, JsonObject) and field.allow_none:  # named, for typed clients: a nullable type is a union
            anything = self._named("JsonObject", {"type": "object", "additionalProperties": True})
            rest = {
                keyword: value for keyword, value in schema.items() if keyword not in ("type", "additionalProperties")
            }
            schema = {"oneOf": [anything, {"type": "null"}], **rest}
        default = schema.pop("default", None)
        # Not the default of a cursor: a client cannot send it.
        if default is not None and not isinstance(field, Cursor):
            schema["default"] = f"{default:.2f}" if isinstance(default, Decimal) else default
        return self._with_named_choices(schema)

    def _with_named_choices(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with a reference in place of NAMED_CHOICES."""
        choices = [choice for choice in schema.get("enum", ()) if choice is not None]
        name = NAMED_CHOICES.get(tuple(choices))
        if name is None:
            return schema
        reference = self._named(name, {"type": "string", "enum": choices})
        rest = {keyword: value for keyword, value in schema.items() if keyword not in ("type", "enum")}
        if len(choices) < len(schema["enum"]):
            return {"oneOf": [reference, {"type": "null"}], **rest}
        return {**reference, **rest}

    def _named(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """A reference to a schema, which is added under this name."""
        if name not in self.spec.components.schemas:
            self.spec.components.schema(name, schema)
        return {"$ref": f"#/components/schemas/{name}"}

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """The JSON Schema of a schema: closed for requests, and open to further members for responses."""
        named = {field.data_key or name: field for name, field in schema.fields.items()}
        converted: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.field2property(field) for name, field in named.items()},
        }
        if required := [name for name, field in named.items() if field.required]:
            converted["required"] = required
        # Not getattr: it would return Marshmallow's docstring for a schema without one.
        if docstring := vars(type(schema)).get("__doc__"):
            converted["description"] = cleandoc(docstring)
        if isinstance(schema, Input) and schema.unknown == RAISE:
            converted["additionalProperties"] = False
            if schema.exactly_one_of:
                return self._alternatives(schema, converted)
        return converted

    def _alternatives(self, schema: Input, whole: dict[str, Any]) -> dict[str, Any]:
        """One closed, named schema for each field of `exactly_one_of`, so that typed clients tell them apart.

        A field of `depends_on` is only in the schema of the alternative on which it depends.
        """
        references = []
        for chosen in schema.exactly_one_of:
            others = {name for name in schema.exactly_one_of if name != chosen}
            others |= {name for name, needed in schema.depends_on.items() if needed in others}
            properties = {name: field for name, field in whole["properties"].items() if name not in others}
            alternative = whole | {"properties": properties, "required": [*whole.get("required", ()), chosen]}
            alternative.pop("description", None)
            name = type(schema).__name__.removesuffix("Input") + "By" + chosen.title().replace("_", "")
            self.spec.components.schema(name, alternative)
            references.append({"$ref": f"#/components/schemas/{name}"})
        return {"oneOf": references, **({"description": whole["description"]} if "description" in whole else {})}


class Plugin(MarshmallowPlugin):
    """apispec's plugin with the converter above."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=lambda schema: component(resolve_schema_instance(schema)))


def _keywords(field: fields.Field[Any]) -> dict[str, Any]:
    """JSON Schema keywords that apispec does not derive from the field."""
    if isinstance(field, Money) and _is_input(field):
        return {"examples": ["12.50"], "pattern": f"^{field.pattern}$", "minimum": 0, "maximum": float(field.limit)}
    if type(field) in INPUT_PATTERNS and _is_input(field):
        return {**KEYWORDS[type(field)], "pattern": INPUT_PATTERNS[type(field)]}
    if isinstance(field, VerbatimText):
        # Only a field that may be blank has the least length 0.
        may_be_blank = any(getattr(validator, "min", None) == 0 for validator in field.validators)
        if isinstance(field, Text):
            return {"pattern": typed_text(lines=field.lines, may_be_blank=may_be_blank)}
        return {"pattern": WITHOUT_NUL if may_be_blank else WITHOUT_NUL_NOT_BLANK}
    return dict(KEYWORDS.get(type(field), {}))


def typed_text(*, lines: bool, may_be_blank: bool) -> str:
    """The regular expression of a Text."""
    control = CONTROL_IN_LINES if lines else CONTROL
    end = rf"[^{BLANK}{control}]"
    text = rf"{end}([^{control}]*{end})?"
    return rf"^[{BLANK}]*({text}[{BLANK}]*)?$" if may_be_blank else rf"^[{BLANK}]*{text}[{BLANK}]*$"


def _is_input(field: fields.Field[Any]) -> bool:
    owner = field.parent
    while isinstance(owner, fields.Field):  # the parent of a list's item is the list
        owner = owner.parent
    return isinstance(owner, Input)
