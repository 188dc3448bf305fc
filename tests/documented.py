"""Checks every response that a test gets against /openapi.json."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from reservation.http.openapi.problem_members import PROBLEM

ROOT = "urn:openapi"
# A response with one of these headers must document it. A documented header must be sent, unless it is in OPTIONAL.
NOTABLE = (
    "Allow",
    "ETag",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Reservation-Written",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
# The document has neither pages nor unknown paths; their errors are problem documents as well.
PROBLEM_CHECK = Draft202012Validator(
    PROBLEM | {"properties": PROBLEM["properties"] | {"errors": {"type": "array"}}, "additionalProperties": False}
)
OPTIONAL = ("Link", "Idempotent-Replayed", "RateLimit", "RateLimit-Policy", "Reservation-Written")

Operation = tuple[str, str]


class Document:
    """An OpenAPI document, for checks of responses.

    It is stricter than a client: a member that is in no schema fails the check.
    """

    def __init__(self, made: dict[str, Any]) -> None:
        for schema in made["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        self._made = made
        self._registry: Registry[Any] = Registry().with_resource(ROOT, DRAFT202012.create_resource(made))
        self._validators: dict[str, Draft202012Validator] = {}
        self._paths = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in made["paths"]}

    @cached_property
    def operations(self) -> set[Operation]:
        """Every documented method and path."""
        return {(method.upper(), path) for path, methods in self._made["paths"].items() for method in methods}

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a request, whichever server's prefix its path has; None if the document has none."""
        is_versioned = path not in self._paths and path.startswith("/v1/")
        path = path.removeprefix("/v1") if is_versioned else path
        templates = [template for template, pattern in self._paths.items() if pattern.fullmatch(path)]
        if path in templates:  # a literal path has precedence over a template
            templates = [path]
        found = [operation for template in templates if (operation := (method, template)) in self.operations]
        if is_versioned:  # an operation with servers of its own is not served under the prefix
            found = [operation for operation in found if "servers" not in (self._look(_pointer(operation)) or ())]
        return next(iter(found), None)

    def check_answer(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: Any, content_type: str
    ) -> None:
        """Assert that this response is as documented: its status, headers, content type and body."""
        operation = self.operation(method, path)
        if operation is None:
            if status >= 400 and method != "HEAD":
                assert content_type == "application/problem+json", f"{method} {path}: {status} {content_type}"
                errors = [error.message for error in PROBLEM_CHECK.iter_errors(body)]
                assert errors == [], f"{method} {path}: {status} is no problem document"
            return
        what = f"{' '.join(operation)}: {status}"
        pointer = f"{_pointer(operation)}/responses/{status}"
        response = self._look(pointer)
        assert response is not None, f"{what} is not documented: {body}"
        pointer, response = self._follow(pointer, response)
        optional = OPTIONAL if status != 409 else (*OPTIONAL, "Retry-After")  # only with idempotency_in_flight
        _check_headers(what, set(response.get("headers", {})), headers, optional)
        contents = response.get("content", {})
        assert content_type in contents or (not contents and not body), f"{what} is {content_type}, not {[*contents]}"
        if content_type.endswith("json"):
            self._check(what, f"{pointer}/content/{_escape(content_type)}/schema", body)

    def check_event(self, union: str, name: str, data: Any) -> None:
        """Assert that the data of an event of a stream is as documented."""
        mapping = (self._look(f"/components/schemas/{union}/discriminator/mapping") or {})[name]
        schema = mapping.removeprefix("#") + "/properties/data/contentSchema"
        self._check(f"The data of {name}", schema, data)

    def check_webhook(self, event_type: str, body: Any) -> None:
        """Assert that what was sent to a webhook is as documented."""
        schema = f"/webhooks/{event_type}/post/requestBody/content/{_escape('application/json')}/schema"
        assert self._look(schema) is not None, f"{event_type} is not documented"
        self._check(f"The event {event_type}", schema, body)

    def check_taken(self, method: str, path: str, body: Any) -> None:
        """Assert that a body that the service has accepted is valid by the document."""
        operation = self.operation(method, path)
        if operation is None:
            return
        schema = f"{_pointer(operation)}/requestBody/content/{_escape('application/json')}/schema"
        assert self._look(schema) is not None, f"{' '.join(operation)} documents no body"
        self._check(f"The body of {' '.join(operation)}", schema, body)

    def _check(self, what: str, pointer: str, body: Any) -> None:
        validator = self._validators.get(pointer)
        if validator is None:
            validator = self._validators[pointer] = Draft202012Validator(
                {"$ref": f"{ROOT}#{pointer}"},
                registry=self._registry,
                format_checker=Draft202012Validator.FORMAT_CHECKER,
            )
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
        assert errors == [], f"{what} is not as documented"

    def _follow(self, pointer: str, found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if "$ref" not in found:
            return pointer, found
        target = found["$ref"].removeprefix("#")
        return target, self._look(target) or {}

    def _look(self, pointer: str) -> dict[str, Any] | None:
        found: Any = self._made
        for step in pointer.split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~"))
            if found is None:
                return None
        assert isinstance(found, dict)
        return found


@cache
def parse(text: bytes) -> Document:
    """The parsed document; cached, since most services of a run have the same one."""
    return Document(orjson.loads(text))


def _check_headers(what: str, documented: set[str], sent: Mapping[str, str], optional: Sequence[str]) -> None:
    missing = {name for name in documented if name not in sent and name not in optional}
    assert not missing, f"{what} lacks {missing}"
    unknown = {name for name in NOTABLE if name in sent and name not in documented}
    assert not unknown, f"{what} does not document {unknown}"


def _pointer(operation: Operation) -> str:
    method, path = operation
    return f"/paths/{_escape(path)}/{method.lower()}"


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
