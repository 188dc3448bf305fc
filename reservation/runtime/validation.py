"""Validation by marshmallow schemas, with its errors as JSON pointers."""

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, ValidationError

from ..errors import Invalid

MAX_ERRORS = 50  # of one answer; a body of a thousand bad seats needs no thousand lines


def load(schema: Schema, data: Any) -> Any:
    """Validate into what the schema makes; raises Invalid-like problems with a JSON pointer for each error."""
    try:
        return schema.load(data)
    except ValidationError as error:
        raise invalid(error.messages) from None


def invalid(messages: Any) -> Invalid:
    """The domain's error for what marshmallow says is wrong."""
    found = [*_pointers("", messages)][:MAX_ERRORS]
    error = Invalid(*found[0])
    error.details["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in found]
    return error


def _pointers(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    """Marshmallow's nested messages, flat: a JSON pointer (RFC 6901) and a sentence each."""
    if isinstance(messages, dict):
        for key, below in messages.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            yield from _pointers(path + step, below)
    elif isinstance(messages, list):
        for message in messages:
            yield from _pointers(path, message)
    else:
        yield path, str(messages)
