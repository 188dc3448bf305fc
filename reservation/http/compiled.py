"""Validation compiled from the schemas that document it: a quick yes, or no opinion.

marshmallow takes some 70 us for the body of a hold, and explains itself well when it refuses. So it is asked only when
there is something to explain: the function made here accepts what the schema surely accepts, makes of it what the
schema would, and leaves the rest to the schema. There is no second definition: types, bounds and rules are read from
the schema's own fields and validators.
"""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, validate

from ..runtime.fields import Id, Input, Whole

Check = Callable[[Any], bool]
Quick = Callable[[Any], Any]


class Undecided:
    """What a compiled schema answers when it has no opinion."""


UNDECIDED = Undecided()


def compile_schema(schema: Schema) -> Quick | None:
    """A quick yes for bodies of this schema; None where it has a field or a rule that is not known here.

    The function answers what `schema.load` would, or UNDECIDED.
    """
    if not isinstance(schema, Input) or not schema.is_plain:
        return None
    if schema.one_of:
        return _compile_alternatives(schema)
    checks: dict[str, Check] = {}
    for name, field in schema.fields.items():
        check = _compile(field)
        if check is None or not field.required or (field.data_key or name) != name:
            return None
        checks[name] = check
    names, makes = checks.keys(), type(schema).makes

    def quick(data: Any) -> Any:
        if type(data) is not dict or data.keys() != names:
            return UNDECIDED
        for name, check in checks.items():
            if not check(data[name]):
                return UNDECIDED
        return makes(**data)

    return quick


def _compile_alternatives(schema: Input) -> Quick | None:
    """The same for a schema of which one field is given: for bodies with nothing but that."""
    checks: dict[str, Check] = {}
    for name in schema.one_of:
        field = schema.fields[name]
        check = _compile(field)
        if check is None or (field.data_key or name) != name:
            return None
        checks[name] = check
    if any(field.required or field.load_default is not missing for field in schema.fields.values()):
        return None
    makes = type(schema).makes

    def quick(data: Any) -> Any:
        if type(data) is not dict or len(data) != 1:
            return UNDECIDED
        for name, value in data.items():
            check = checks.get(name)
            if check is not None and check(value):
                return makes(**data)
        return UNDECIDED

    return quick


def _compile(field: fields.Field[Any]) -> Check | None:
    if type(field) is fields.List:
        return _compile_list(field)
    if type(field) in (Whole, Id) and not field.allow_none:
        return _compile_whole(field)
    return None


def _compile_whole(field: fields.Field[Any]) -> Check | None:
    bounds = field.validators
    if len(bounds) != 1 or type(bounds[0]) is not validate.Range:
        return None
    low, high = bounds[0].min, bounds[0].max
    if low is None or high is None or not (bounds[0].min_inclusive and bounds[0].max_inclusive):
        return None
    return lambda value: type(value) is int and low <= value <= high


def _compile_list(field: "fields.List[Any]") -> Check | None:
    item = _compile(field.inner)
    if item is None or field.allow_none:
        return None
    rules = field.validators

    def check(value: Any) -> bool:
        if type(value) is not list:
            return False
        if not all(map(item, value)):
            return False
        try:
            for rule in rules:
                rule(value)
        except ValidationError:
            return False
        return True

    return check
