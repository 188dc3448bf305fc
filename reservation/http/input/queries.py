"""Query strings."""

from typing import Any

from aiohttp import web
from marshmallow import Schema

from ...errors import Invalid
from ...runtime.fields import Input
from ...runtime.validation import escape, load

NO_FIELDS = Input()  # of an operation that takes no query parameters, or no body


def load_query(request: web.Request, schema: Schema) -> Any:
    """Validate the query string; raises Invalid, also for a parameter that is given twice."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Invalid(f"/{escape(name)}", "Must be given once.")
    return load(schema, dict(request.query))


def refuse_query(request: web.Request) -> None:
    """Refuse query parameters, for an operation that takes none; raises Invalid."""
    if request.rel_url.raw_query_string:
        load_query(request, NO_FIELDS)
