"""How the fields and schemas of the API read as JSON Schema: as strict as their loading is."""

from datetime import date, datetime
from decimal import Decimal
from inspect import cleandoc
from typing import Any
from uuid import UUID

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.field_converter import DEFAULT_FIELD_MAPPING
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import RAISE, Schema, fields

from .fields import MONEY_LIMIT, ROW_LABEL, Day, Input, Instant, JsonObject, Money, RowLabel, Text, TimeZone
from .paging import MAX_CURSOR_CHARS, Cursor

WITHOUT_NUL = r"^[^\u0000]*$"
WITHOUT_NUL_NOT_BLANK = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
MONEY_SENT: dict[str, Any] = {
    "pattern": r"^[0-9]{1,6}(\.[0-9]{1,2})?$",
    "minimum": 0,
    "maximum": float(MONEY_LIMIT),
    "examples": ["12.50"],
}
FACTS: dict[type, dict[str, Any]] = {
    Money: {"pattern": r"^\d+\.\d{2}$", "examples": ["12.50"]},
    Instant: {"examples": ["2030-01-31T20:00:00Z"]},
    Day: {"examples": ["2030-01-31"]},
    TimeZone: {"examples": ["Europe/Berlin"]},
    Cursor: {"maxLength": MAX_CURSOR_CHARS, "description": "next_cursor of the page before"},
    JsonObject: {"additionalProperties": True},
    RowLabel: {"pattern": f"^{ROW_LABEL}$"},
}


class Converter(OpenAPIConverter):
    """Marshmallow to JSON Schema, with what the API's own fields add."""

    field_mapping = DEFAULT_FIELD_MAPPING | {
        fields.Integer: ("integer", "int64"),
        fields.URL: ("string", "uri"),
        Money: ("string", "decimal"),
        Instant: ("string", "date-time"),
        Day: ("string", "date"),
        TimeZone: ("string", None),
        Cursor: ("string", None),
        JsonObject: ("object", None),
    }

    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """The JSON Schema of a field; what its metadata says wins."""
        made = {**_facts(field), **super().field2property(field)}
        if isinstance(field, Money) and _is_input(field):
            made["type"] = ["string", "number", *(["null"] if field.allow_none else [])]
        if isinstance(field, fields.Decimal) and field.as_string:
            made["type"] = ["string", "null"] if field.allow_none else "string"
        if "example" in made:  # OpenAPI 3.1 took JSON Schema's plural and deprecated its own word
            made["examples"] = [made.pop("example")]
        default = made.pop("default", None)
        # A default that cannot be sent, such as the cursor before the first row, is the server's own business.
        if default is not None and not isinstance(field, Cursor):
            made["default"] = _plain(default)
        return made

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """The JSON Schema of a schema: an input refuses unknown fields, an answer may get more of them some day."""
        named = {field.data_key or name: field for name, field in schema.fields.items()}
        made: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.field2property(field) for name, field in named.items()},
        }
        if required := [name for name, field in named.items() if field.required]:
            made["required"] = required
        # Not getattr: a schema without a docstring must not be described by Marshmallow's.
        if docstring := vars(type(schema)).get("__doc__"):
            made["description"] = cleandoc(docstring)
        if isinstance(schema, Input) and schema.unknown == RAISE:
            made["additionalProperties"] = False
            if schema.one_of:
                made["oneOf"] = [{"required": [name]} for name in schema.one_of]
            if schema.only_with:
                made["dependentRequired"] = {name: [other] for name, other in schema.only_with.items()}
        return made

    def _field2parameter(self, field: fields.Field[Any], *, name: str, location: str) -> dict[str, Any]:
        """A parameter of a query string, which cannot say null."""
        made: dict[str, Any] = super()._field2parameter(field, name=name, location=location)
        sent = made["schema"]
        if isinstance(sent.get("type"), list):
            kinds = [kind for kind in sent["type"] if kind != "null"]
            sent["type"] = kinds[0] if len(kinds) == 1 else kinds
        if None in sent.get("enum", ()):
            sent["enum"] = [choice for choice in sent["enum"] if choice is not None]
        return made


class Plugin(MarshmallowPlugin):
    """apispec's plugin with the converter above."""

    Converter = Converter


def _facts(field: fields.Field[Any]) -> dict[str, Any]:
    """What apispec cannot know about the API's own fields."""
    if isinstance(field, Money) and _is_input(field):
        return {**MONEY_SENT, "maximum": float(field.limit)}
    if isinstance(field, Text):
        # The field's `blank` shows in its length: only a text that may be blank may be empty.
        may_be_blank = any(getattr(validator, "min", None) == 0 for validator in field.validators)
        return {"pattern": WITHOUT_NUL if may_be_blank else WITHOUT_NUL_NOT_BLANK}
    return dict(FACTS.get(type(field), {}))


def _is_input(field: fields.Field[Any]) -> bool:
    owner = field.parent
    while isinstance(owner, fields.Field):  # an item of a list belongs to the list, which belongs to the schema
        owner = owner.parent
    return isinstance(owner, Input)


def _plain(value: object) -> object:
    """A default as the client would have sent it."""
    match value:
        case Decimal():
            return f"{value:.2f}"
        case datetime() | date():
            return value.isoformat()
        case None | bool() | int() | float() | str() | list() | dict():
            return value
        case UUID() | _:
            return str(value)
