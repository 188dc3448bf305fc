"""Forms in (application/x-www-form-urlencoded), where OAuth asks for them: as strict as JSON, and bounded like it."""

import re
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from marshmallow import Schema

from ..errors import Invalid
from ..runtime.validation import load
from .bodies import raw_body
from .problems import Refused

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 32
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_form(request: web.Request) -> bool:
    """Whether the body says that it is a form."""
    return request.content_type == FORM


async def form_of(request: web.Request, schema: Schema) -> Any:
    """What the schema makes of the form.

    Refuses another charset than UTF-8 (415), what is not well-formed (400), a field that is given twice (422), and what
    the schema refuses. A field without a value counts as not given (RFC 6749, 3.2).
    """
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise Refused(415, "unsupported_media_type", "Send the form in UTF-8.")
    fields: dict[str, str] = {}
    for name, value in _pairs(await raw_body(request)):
        if name in fields:
            raise Invalid(f"/{name.replace('~', '~0').replace('/', '~1')}", "Must be given once.")
        fields[name] = value
    return load(schema, {name: value for name, value in fields.items() if value})


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        text = raw.decode()
        if BROKEN_ESCAPE.search(text):
            raise Refused(400, "invalid_form", "The form has a % that two hexadecimal digits do not follow.")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError as error:
        raise Refused(400, "invalid_form", "The form is not in UTF-8.") from error
    except ValueError as error:
        raise Refused(400, "invalid_form", f"The form has more than {MAX_FIELDS} fields.") from error
