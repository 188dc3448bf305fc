"""Query strings."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web
from marshmallow import Schema

from ...errors import Invalid
from ...runtime.fields import Input
from ...runtime.validation import escape, load
from ..output.problems import HttpProblem

BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
NO_FIELDS = Input()  # of an operation that takes no query parameters, or no body


def load_query(request: web.Request, schema: Schema) -> Any:
    """Validate the query string; raises Invalid, also for a parameter that is given twice.

    Raises HttpProblem (400) for one that is not UTF-8 in percent-encoding.
    """
    if "%" in request.raw_path:
        _refuse_broken_escapes(request.rel_url.raw_query_string)
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Invalid(f"/{escape(name)}", "Must be given once.")
    return load(schema, dict(request.query))


def _refuse_broken_escapes(raw: str) -> None:
    try:
        if BROKEN_ESCAPE.search(raw):
            raise ValueError
        unquote_to_bytes(raw).decode()
    except ValueError:
        detail = "The query string is not UTF-8 in percent-encoding (RFC 3986)."
        raise HttpProblem(400, "malformed_request", detail) from None


def refuse_query(request: web.Request) -> None:
    """Refuse query parameters, for an operation that takes none; raises Invalid."""
    if request.rel_url.raw_query_string:
        load_query(request, NO_FIELDS)
