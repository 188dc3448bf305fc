"""JSON in: bounded, strict, and the same conventions everywhere."""

from typing import Any

import orjson
from aiohttp import web
from marshmallow import Schema

from ..errors import Invalid, Json
from ..runtime.fields import Input
from ..runtime.validation import load
from .compiled import UNDECIDED, Quick
from .problems import Refused

MAX_DEPTH = 32


class NoFields(Input):
    """Neither a body nor a query string."""


NO_FIELDS = NoFields()


async def body_of(request: web.Request, schema: Schema, quick: Quick | None) -> Any:
    """What the schema makes of the body, by its compiled form where that has an opinion.

    Refuses another content type (415), what is not strict JSON in UTF-8 (400), and what the schema refuses.
    """
    parsed = await _json_of(request)
    if quick is not None:
        made = quick(parsed)
        if made is not UNDECIDED:
            return made
    _check(parsed)
    return load(schema, parsed)


def query_of(request: web.Request) -> dict[str, Any]:
    """The query string's parameters; refuses one that is given twice."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise Invalid(f"/{name.replace('~', '~0').replace('/', '~1')}", "Must be given once.")
    return dict(request.query)


def refuse_query(request: web.Request) -> None:
    """Refuse every parameter, for an operation that has none."""
    if request.rel_url.raw_query_string:
        load(NO_FIELDS, query_of(request))


async def refuse_body(request: web.Request) -> None:
    """Read the body of an operation that takes none; refuses all but an empty one, `{}` and `null`.

    A client that sends a body expects it to have an effect, so it must not be ignored. Of a GET or DELETE, too: their
    bodies have no defined meaning, and a server may reject them (RFC 9110, 9.3.1 and 9.3.5).
    """
    if request.body_exists and await raw_body(request):
        parsed = await _json_of(request)
        if parsed is not None:
            _check(parsed)
            load(NO_FIELDS, parsed)


async def raw_body(request: web.Request) -> bytes:
    """The whole body, of at most MAX_BODY_BYTES; refuses what its Content-Encoding does not fit (400)."""
    try:
        return await request.read()
    except web.RequestPayloadError as error:
        raise Refused(400, "malformed_request", "The body is not encoded as its headers say.") from error


async def _json_of(request: web.Request) -> Json:
    if request.headers.get("Content-Type") != "application/json" and not _is_json(request.content_type):
        raise Refused(415, "unsupported_media_type", "Send JSON, with Content-Type: application/json.")
    try:
        parsed: Json = orjson.loads(await raw_body(request))
    except orjson.JSONDecodeError as error:
        raise Refused(400, "invalid_json", f"The body is not JSON in UTF-8: {error}.") from error
    return parsed


def _is_json(content_type: str) -> bool:
    return content_type == "application/json" or content_type.endswith("+json")


def _check(value: Json, depth: int = 1) -> None:
    """Refuse what is nested too deep, and NUL, which PostgreSQL can store neither in text nor in jsonb."""
    if depth > MAX_DEPTH:
        raise Refused(400, "invalid_json", f"The body is nested deeper than {MAX_DEPTH} levels.")
    match value:
        case str() if "\0" in value:
            raise Refused(400, "invalid_json", "NUL characters are not allowed.")
        case dict():
            for key, member in value.items():
                _check(key)
                _check(member, depth + 1)
        case list():
            for member in value:
                _check(member, depth + 1)
