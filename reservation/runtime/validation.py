"""Validation by marshmallow schemas, with its errors as JSON pointers."""

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, ValidationError

from ..errors import Invalid

MAX_ERRORS = 50  # in one response


def load(schema: Schema, data: Any) -> Any:
    """Validate; raises Invalid with a JSON pointer for each error."""
    try:
        return schema.load(data)
    except ValidationError as error:
        raise invalid(error.messages) from None


def invalid(messages: Any) -> Invalid:
    """The domain error for marshmallow's messages."""
    found = [*_pointers("", messages)][:MAX_ERRORS]
    error = Invalid(*found[0])
    error.details["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in found]
    return error


def escape(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _pointers(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    """Marshmallow's nested messages as pairs of a JSON pointer and a sentence."""
    if isinstance(messages, dict):
        for key, below in messages.items():
            step = "" if key == "_schema" else f"/{escape(str(key))}"
            yield from _pointers(path + step, below)
    elif isinstance(messages, list):
        for message in messages:
            yield from _pointers(path, message)
    else:
        yield path, str(messages)
