"""Links of the OpenAPI document: what an answer's ids are good for next."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from ..routes import Access, Operation
from .schemas import component


@dataclass(frozen=True, slots=True)
class Id:
    """An id in an answer: the path parameter that takes it, its JSON pointer, and the methods it leads to."""

    parameter: str
    pointer: str
    methods: tuple[str, ...]


THING = ("GET", "POST", "PUT", "DELETE")
REFERENCE = ("GET",)
LISTED = ("GET", "POST", "PUT")  # to be the first of a list is no reason to be deleted


def links(operation: Operation, named: Mapping[str, Operation]) -> dict[str, Any]:
    """Links to the operations that take an id which this one answers, by the names of those.

    What anybody can read leads no one into the administration.
    """
    if operation.answer is None:
        return {}
    made: dict[str, Any] = {}
    for found in _ids(operation.answer):
        for operation_id, target in named.items():
            into_administration = target.access is Access.ADMIN and operation.access is not Access.ADMIN
            if target is not operation and _takes(target, found) and not into_administration:
                made[operation_id] = {
                    "operationId": operation_id,
                    "parameters": {found.parameter: f"$response.body#{found.pointer}"},
                    "description": target.summary,
                }
    return made


def _takes(target: Operation, found: Id) -> bool:
    if re.findall(r"\{(\w+)", target.path) != [found.parameter] or target.method not in found.methods:
        return False
    return found.methods != REFERENCE or target.path.endswith("}")  # the thing itself, not what it has


def _ids(answer: Schema) -> Iterator[Id]:
    """The ids in an answer; of a list, the first item's. A reference such as `movie_id` leads to the thing alone."""
    for name, field in answer.fields.items():
        if name.endswith("_id"):
            yield Id(name, f"/{name}", REFERENCE)
        elif name == "id":
            yield from (Id(_parameter(kind), "/id", THING) for kind in type(answer).__mro__ if issubclass(kind, Schema))
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            item = field.inner.schema
            if "id" in item.fields:
                yield Id(_parameter(type(item)), f"/{name}/0/id", LISTED if name == "items" else THING)


def _parameter(kind: type[Schema]) -> str:
    """The path parameter that takes the id of what a schema shows: api_key_id for ApiKeyOutput."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", component(kind)).lower() + "_id"
