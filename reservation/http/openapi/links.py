"""Links of the OpenAPI document: the operations that take an id from a response."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from ..routes import Access, Operation
from .schemas import component


@dataclass(frozen=True, slots=True)
class ResponseId:
    """An id in a response: the path parameter for it, its JSON pointer, and the methods that it is linked to."""

    parameter: str
    pointer: str
    methods: tuple[str, ...]


RESOURCE = ("GET", "POST", "PUT", "DELETE")
REFERENCE = ("GET",)
LIST_ITEM = ("GET", "POST", "PUT")  # no DELETE: a link must not suggest to delete the first item of a list


def links(operation: Operation, named: Mapping[str, Operation]) -> dict[str, Any]:
    """Links to the operations that take an id from this operation's response, by operation id.

    Public operations have no links to administration.
    """
    if operation.output is None:
        return {}
    links_by_id: dict[str, Any] = {}
    for found in _ids(operation.output):
        for operation_id, target in named.items():
            into_administration = target.access is Access.ADMIN and operation.access is not Access.ADMIN
            if target is not operation and _takes(target, found) and not into_administration:
                links_by_id[operation_id] = {
                    "operationId": operation_id,
                    "parameters": {found.parameter: f"$response.body#{found.pointer}"},
                    "description": target.summary,
                }
    return links_by_id


def _takes(target: Operation, found: ResponseId) -> bool:
    if re.findall(r"\{(\w+)", target.path) != [found.parameter] or target.method not in found.methods:
        return False
    return found.methods != REFERENCE or target.path.endswith("}")  # the resource itself, not its sub-resources


def _ids(output: Schema) -> Iterator[ResponseId]:
    """The ids in a response; of a list, the first item's. A reference such as `movie_id` is linked to its GET only."""
    for name, field in output.fields.items():
        if name.endswith("_id"):
            yield ResponseId(name, f"/{name}", REFERENCE)
        elif name == "id":
            yield from (
                ResponseId(_parameter(kind), "/id", RESOURCE)
                for kind in type(output).__mro__
                if issubclass(kind, Schema)
            )
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            item = field.inner.schema
            if "id" in item.fields:
                yield ResponseId(_parameter(type(item)), f"/{name}/0/id", LIST_ITEM if name == "items" else RESOURCE)


def _parameter(kind: type[Schema]) -> str:
    """The path parameter for the id in a schema: api_key_id for ApiKeyOutput."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", component(kind)).lower() + "_id"
