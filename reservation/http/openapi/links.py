"""Links of the OpenAPI document: the operations that take an id from a response."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields

from ..routes import Operation
from .schemas import component

# The methods to which an id in a response is linked.
RESOURCE = ("GET", "POST", "PUT", "DELETE")
REFERENCE = ("GET",)  # of another resource, such as `movie_id`: the resource itself, not its sub-resources
LIST_ITEM = ("GET", "POST", "PUT")  # no DELETE: a link must not suggest to delete the first item of a list


def links(operation: Operation, named: Mapping[str, Operation]) -> dict[str, Any]:
    """Links to the operations that take an id from this operation's response, by operation id.

    Public operations have no links to administration.
    """
    if operation.output is None:
        return {}
    links_by_id: dict[str, Any] = {}
    for parameter, pointer, methods in _ids(operation.output):
        for operation_id, target in named.items():
            into_administration = bool(target.access.roles) and not operation.access.roles
            if target is not operation and _takes(target, parameter, methods) and not into_administration:
                links_by_id[operation_id] = {
                    "operationId": operation_id,
                    "parameters": {parameter: f"$response.body#{pointer}"},
                    "description": target.summary,
                }
    return links_by_id


def _takes(target: Operation, parameter: str, methods: Sequence[str]) -> bool:
    if re.findall(r"\{(\w+)", target.path) != [parameter] or target.method not in methods:
        return False
    return methods != REFERENCE or target.path.endswith("}")


def _ids(output: Schema) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The ids in a response, of a list the first item's: path parameter, JSON pointer, and methods to link to."""
    for name, field in output.fields.items():
        if name.endswith("_id"):
            yield name, f"/{name}", REFERENCE
        elif name == "id":
            for kind in type(output).__mro__:
                if issubclass(kind, Schema):
                    yield _parameter(kind), "/id", RESOURCE
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            item = field.inner.schema
            if "id" in item.fields:
                yield _parameter(type(item)), f"/{name}/0/id", LIST_ITEM if name == "items" else RESOURCE


def _parameter(kind: type[Schema]) -> str:
    """The path parameter for the id in a schema: api_key_id for ApiKeyOutput."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", component(kind)).lower() + "_id"
