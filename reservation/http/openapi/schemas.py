"""How the fields and schemas of the API read as JSON Schema: as strict as their loading is."""

from datetime import date, datetime
from decimal import Decimal
from inspect import cleandoc
from typing import Any
from uuid import UUID

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.field_converter import DEFAULT_FIELD_MAPPING
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import RAISE, Schema, fields

from ...identity.api_key_format import Scope
from ...runtime.fields import ROW_LABEL, Day, Input, Instant, JsonObject, Money, RowLabel, Text, TimeZone
from ..handlers.accounts import ROLES
from ..handlers.reservations import STATUSES
from ..handlers.seats import AVAILABILITIES, SEAT_TYPES
from ..paging import MAX_CURSOR_CHARS, Cursor

WITHOUT_NUL = r"^[^\u0000]*$"
# What str.strip() takes for blank, one by one: dialects of regular expressions do not agree on \s.
BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WITHOUT_NUL_NOT_BLANK = rf"^[^\u0000]*[^{BLANK}\u0000][^\u0000]*$"
MONEY_SENT: dict[str, Any] = {
    "minimum": 0,
    "examples": ["12.50"],
}
FACTS: dict[type, dict[str, Any]] = {
    Money: {"pattern": r"^\d+\.\d{2}$", "examples": ["12.50"]},
    Instant: {"examples": ["2030-01-31T20:00:00Z"]},
    Day: {"examples": ["2030-01-31"]},
    TimeZone: {"examples": ["Europe/Berlin"]},
    Cursor: {"maxLength": MAX_CURSOR_CHARS, "description": "next_cursor of the page before"},
    JsonObject: {"additionalProperties": True, "description": "Anything but NUL characters, up to 30 levels deep"},
    RowLabel: {"pattern": f"^{ROW_LABEL}$"},
}
# The years that are taken, and of a time as many decimal places as PostgreSQL keeps.
YEARS: dict[type, str] = {
    Instant: r"^(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    Day: r"^(19[7-9][0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2}$",
}
# Choices that stand in several places are one type to a client, by this name.
WORDS: dict[tuple[str, ...], str] = {
    AVAILABILITIES: "Availability",
    ROLES: "Role",
    STATUSES: "ReservationStatus",
    SEAT_TYPES: "SeatType",
    (*Scope,): "Scope",
}


def component(kind: Schema | type[Schema]) -> str:
    """What a schema is called in the document: MovieOutput is Movie to a client."""
    name = kind.__name__ if isinstance(kind, type) else type(kind).__name__
    return name.removesuffix("Output")


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
        return self._named(made)

    def _named(self, made: dict[str, Any]) -> dict[str, Any]:
        """The same with a reference in place of choices that have a name."""
        name = WORDS.get(tuple(made.get("enum", ())))
        if name is None:
            return made
        if name not in self.spec.components.schemas:
            self.spec.components.schema(name, {"type": "string", "enum": made["enum"]})
        reference = {"$ref": f"#/components/schemas/{name}"}
        rest = {key: value for key, value in made.items() if key not in ("type", "enum")}
        return {"allOf": [reference], **rest} if rest else reference

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
            if schema.only_with:
                made["dependentRequired"] = {name: [other] for name, other in schema.only_with.items()}
            if schema.one_of:
                return self._alternatives(schema, made)
        return made

    def _alternatives(self, schema: Input, whole: dict[str, Any]) -> dict[str, Any]:
        """One closed schema for each way to say it, by a name of its own: typed clients can tell these apart."""
        references = []
        for chosen in schema.one_of:
            absent = {name for name in schema.one_of if name != chosen}
            absent |= {name for name, other in schema.only_with.items() if other in absent}
            made = whole | {"properties": {k: v for k, v in whole["properties"].items() if k not in absent}}
            made["required"] = [*whole.get("required", ()), chosen]
            made.pop("description", None)
            made.pop("dependentRequired", None)
            if rest := {k: v for k, v in schema.only_with.items() if k not in absent and v != chosen}:
                made["dependentRequired"] = {name: [other] for name, other in rest.items()}
            name = type(schema).__name__.removesuffix("Input") + "By" + chosen.title().replace("_", "")
            self.spec.components.schema(name, made)
            references.append({"$ref": f"#/components/schemas/{name}"})
        return {"oneOf": references, **({"description": whole["description"]} if "description" in whole else {})}

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

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=lambda schema: component(resolve_schema_instance(schema)))


def _facts(field: fields.Field[Any]) -> dict[str, Any]:
    """What apispec cannot know about the API's own fields."""
    if isinstance(field, Money) and _is_input(field):
        return {**MONEY_SENT, "pattern": f"^{field.pattern}$", "maximum": float(field.limit)}
    if type(field) in YEARS and _is_input(field):
        return {**FACTS[type(field)], "pattern": YEARS[type(field)]}
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
