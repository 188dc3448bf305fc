"""Validation of the hold's body without marshmallow, which takes some 70 us for it.

The loader that is built here accepts bodies that the schema accepts too, and returns what the schema would return. It
leaves every other body to the schema, which also writes the error messages. There is no second definition of the input:
types and bounds are read from the schema's fields and validators.
"""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, validate

from ...runtime.fields import BoundedInteger, Id, Input

Check = Callable[[Any], bool]
FastLoad = Callable[[Any], Any]


class _FallBack:
    """Returned by a fast loader for a body that the schema has to decide on."""


FALL_BACK = _FallBack()


def fast_loader(schema: Schema) -> FastLoad | None:
    """A loader for bodies with just one member, of which the schema requires exactly one; its result may be FALL_BACK.

    None for schemas of another shape, and for fields or rules that it does not know.
    """
    if not isinstance(schema, Input) or not schema.exactly_one_of or not schema.has_only_field_rules:
        return None
    if any(field.required or field.load_default is not missing for field in schema.fields.values()):
        return None
    checks: dict[str, Check] = {}
    for name in schema.exactly_one_of:
        field = schema.fields[name]
        check = _check_of(field)
        if check is None or (field.data_key or name) != name:
            return None
        checks[name] = check
    build = type(schema).loads_as

    def load(data: Any) -> Any:
        if type(data) is not dict or len(data) != 1:
            return FALL_BACK
        [(name, value)] = data.items()
        check = checks.get(name)
        return build(**data) if check is not None and check(value) else FALL_BACK

    return load


def _check_of(field: fields.Field[Any]) -> Check | None:
    if field.allow_none:
        return None
    if type(field) is fields.List:
        return _check_of_list(field)
    if type(field) in (BoundedInteger, Id):
        return _check_of_integer(field)
    return None


def _check_of_integer(field: fields.Field[Any]) -> Check | None:
    bounds = field.validators
    if len(bounds) != 1 or type(bounds[0]) is not validate.Range:
        return None
    low, high = bounds[0].min, bounds[0].max
    if low is None or high is None or not (bounds[0].min_inclusive and bounds[0].max_inclusive):
        return None
    return lambda value: type(value) is int and low <= value <= high


def _check_of_list(field: "fields.List[Any]") -> Check | None:
    item = _check_of(field.inner)
    if item is None:
        return None
    rules = field.validators

    def check(value: Any) -> bool:
        if type(value) is not list or not all(map(item, value)):
            return False
        try:
            for rule in rules:
                rule(value)
        except ValidationError:
            return False
        return True

    return check
