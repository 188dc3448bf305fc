"""Request bodies: JSON, and for OAuth clients forms (application/x-www-form-urlencoded); strict and bounded."""

import asyncio
import json
import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import StreamReader, web
from marshmallow import Schema

from ...errors import Invalid, Json, Overloaded
from ...runtime.timing import outside_gate
from ...runtime.validation import escape, load
from ..app_keys import BODY_BUDGET, MAX_BODY, RAW_BODY, SETTINGS
from ..lingering_close import linger
from ..output.problems import HttpProblem
from ..output.responses import JSON
from .queries import BROKEN_ESCAPE, NO_FIELDS

MAX_DEPTH = 32
CONTAINERS = (dict, list)
ESCAPED_NUL = rb"\u0000"  # NUL itself is no JSON
PLAIN_BYTES = 1024  # the lowest MAX_BODY_BYTES
SMALL_BYTES = 16_384  # of a body, where MAX_BODY does not allow more
JSON_TYPE = re.compile(r"application/json|.*\+json")
FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 32
# Window sizes of zlib by content coding.
CODINGS = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
# What a body in another encoding than UTF-8 begins with, if it is JSON (RFC 4627, 3).
OTHER_ENCODING = re.compile(rb"\xff\xfe|\xfe\xff|.\0|\0", re.DOTALL)


def load_received(request: web.Request, fast_load: Callable[[Json], Any]) -> Any | None:
    """What `fast_load` makes of a small JSON body that has come with its head, as nearly all have.

    None leaves any other to `load_json`, which costs eight coroutines more, and refuses what is wrong.
    """
    content, headers = request.content, request.headers
    if (
        not content.is_eof()
        or content.total_bytes > PLAIN_BYTES
        or headers.get("Content-Type") != JSON
        or "Content-Encoding" in headers
        or content.exception() is not None
    ):
        return None
    raw = request.get(RAW_BODY)
    if raw is None:  # else the request is repeated
        raw = request[RAW_BODY] = content.read_nowait()
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    loaded = fast_load(parsed)
    if loaded is None:
        return None
    colons = raw.count(b":")
    if (isinstance(parsed, dict) and colons == len(parsed)) or colons == _members(parsed):  # the first is quick
        return loaded
    return None if _has_name_twice(raw) else loaded


async def load_json(request: web.Request, schema: Schema, fast_load: Callable[[Json], Any] | None) -> Any:
    """Validate a JSON body, by `fast_load` unless that returns None.

    Raises HttpProblem for another content type (415) and for malformed JSON (400), and Invalid.
    """
    parsed = await _parse_json(request)
    if fast_load is not None and (loaded := fast_load(parsed)) is not None:
        return loaded
    return load(schema, parsed)


async def load_optional_json(request: web.Request, schema: Schema) -> Any:
    """Validate a JSON body as `load_json` does, if there is one; an empty body and `null` are `{}`."""
    raw = await read_body(request)
    parsed = await _parse_json(request) if raw else None
    return load(schema, {} if parsed is None else parsed)


async def load_form(request: web.Request, schema: Schema) -> Any:
    """Validate a form. A field without a value counts as not given (RFC 6749, 3.2).

    Raises HttpProblem for another charset than UTF-8 (415) and for a malformed form (400), and Invalid, also for a
    field that is given twice.
    """
    fields: dict[str, str] = {}
    for name, value in await load_form_fields(request):
        if name in fields:
            raise Invalid(f"/{escape(name)}", "Must be given once.")
        fields[name] = value
    return load(schema, {name: value for name, value in fields.items() if value})


async def load_form_fields(request: web.Request, most: int = MAX_FORM_FIELDS) -> list[tuple[str, str]]:
    """The fields of a form, at most so many, in their order.

    Raises HttpProblem as `load_form` does, also for another media type.
    """
    if request.body_exists and request.content_type != FORM:
        raise HttpProblem(415, "unsupported_media_type", "Send a form.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise HttpProblem(415, "unsupported_media_type", "Send the form in UTF-8.")
    return _parse_form(await read_body(request), most)


async def refuse_body(request: web.Request) -> None:
    """Refuse a body, for an operation that takes none, unless it is empty, `{}` or `null`; raises as `load_json` does.

    A client that sends a body expects an effect, so a body must not be ignored. GET and DELETE are no exception: their
    bodies have no defined meaning, and a server may reject them (RFC 9110, 9.3.1 and 9.3.5).
    """
    if await read_body(request):
        parsed = await _parse_json(request)
        if parsed is not None:
            load(NO_FIELDS, parsed)


async def read_body(request: web.Request) -> bytes:
    """The whole body, decoded, of at most SMALL_BYTES, or what the request's MAX_BODY allows.

    Raises HttpProblem if it contradicts its headers (400), if it does not come in time (408), and for another content
    coding than those of CODINGS (415); Overloaded if too much of other bodies is under way. A body that is declared to
    be larger is refused before it has come.
    """
    received: bytes | None = request.get(RAW_BODY)
    if received is not None:
        return received
    most = _most_bytes(request)
    if not request.content.is_eof() and (declared := request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=declared)
    try:
        raw = await _received(request, most)
    except web.RequestPayloadError as error:
        raise HttpProblem(
            400, "malformed_request", "The body is not transferred as its headers say.", ends_connection=True
        ) from error
    body = request[RAW_BODY] = _decoded(request, raw, most) if "Content-Encoding" in request.headers else raw
    return body


def _most_bytes(request: web.Request) -> int:
    allowed: int = request.get(MAX_BODY, SMALL_BYTES)
    return min(allowed, request.app[SETTINGS].max_body_bytes)


async def _received(request: web.Request, most: int) -> bytes:
    """The body as it was sent; one that has not come whole has BODY_SECONDS to do so.

    Until then its request counts in no lane: clients that send no bodies would refuse everything. When the body has
    come, the request may be refused as one that comes then.
    """
    if request.content.is_eof():
        return await _all_of(request.content, most)
    deadline_s = request.app[SETTINGS].body_s
    with request.app[BODY_BUDGET].counting() as count, outside_gate() as gate:
        try:
            async with asyncio.timeout(deadline_s):
                body = await _all_of(request.content, most, count)
        except TimeoutError as error:
            linger(request.protocol)
            request.content.set_exception(web.RequestPayloadError("too late"))  # else aiohttp waits for the rest
            raise HttpProblem(
                408, "request_timeout", f"The body did not come within {deadline_s:.0f} s.", ends_connection=True
            ) from error
        if not gate.is_open():
            gate.refuse()
            raise Overloaded
        return body


async def _all_of(content: StreamReader, most: int, count: Callable[[int], None] | None = None) -> bytes:
    chunks, size = list[bytes](), 0
    while chunk := await content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
        if count is not None:
            count(size)
    return b"".join(chunks)


def _decoded(request: web.Request, raw: bytes, most: int) -> bytes:
    """The body without its content coding; raises HTTPRequestEntityTooLarge, and HttpProblem as `read_body` does."""
    coding = ",".join(request.headers.getall("Content-Encoding")).strip().lower()
    if coding in ("", "identity"):
        return raw
    if coding not in CODINGS:
        detail = f"Send the body in one of these codings: {', '.join(CODINGS)}; or as it is."
        raise HttpProblem(415, "unsupported_media_type", detail, headers={"Accept-Encoding": ", ".join(CODINGS)})
    # Some clients send deflate without the frame of zlib, which has 8 in its first byte (RFC 1950).
    is_bare = coding == "deflate" and raw[:1] and raw[0] & 0x0F != zlib.DEFLATED
    decoder = zlib.decompressobj(-zlib.MAX_WBITS if is_bare else CODINGS[coding])
    try:
        body = decoder.decompress(raw, most + 1)
    except zlib.error:
        body = b""
    if len(body) > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(body))
    if not decoder.eof or decoder.unused_data:
        raise HttpProblem(400, "malformed_request", "The body is not encoded as its headers say.")
    return body


async def _parse_json(request: web.Request) -> Json:
    """The JSON of a body; raises HttpProblem as `load_json` does, also for a name that an object has twice."""
    if request.headers.get("Content-Type") != JSON and not JSON_TYPE.fullmatch(request.content_type):
        raise HttpProblem(415, "unsupported_media_type", "Send JSON, with Content-Type: application/json.")
    raw = await read_body(request)
    try:
        parsed: Json = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        reason = "it is in UTF-16 or UTF-32" if OTHER_ENCODING.match(raw) else error
        raise HttpProblem(400, "invalid_json", f"The body is not JSON in UTF-8: {reason}.") from error
    # orjson keeps the last of two members of one name. A text has a colon for each member: with no more, none is lost.
    if raw.count(b":") != _members(parsed) and _has_name_twice(raw):
        raise HttpProblem(400, "invalid_json", "An object of the body has two members of one name.")
    if ESCAPED_NUL in raw:
        _check_nul(parsed)
    return parsed


def _has_name_twice(raw: bytes) -> bool:
    """Whether an object of a JSON text has two members of one name; raises HttpProblem if one is nested too deep."""
    found = False

    def check(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) < len(pairs)

    try:
        json.loads(raw, object_pairs_hook=check, parse_int=str, parse_float=str)
    except RecursionError as error:  # in a member that orjson has not kept
        raise _too_deep() from error
    return found


def _members(value: Json) -> int:
    """How many members the objects of a JSON value have; raises HttpProblem if it is nested deeper than MAX_DEPTH.

    Level by level: 16 KiB have 5,000 lists, for which calls would cost more than the rest of the request.
    """
    members, level = 0, [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        inner: list[dict[str, Json] | list[Json]] = []
        for each in level:
            if isinstance(each, dict):
                members += len(each)
                inner += [part for part in each.values() if isinstance(part, CONTAINERS)]
            else:
                inner += [part for part in each if isinstance(part, CONTAINERS)]
        if not inner:
            return members
        level = inner
    raise _too_deep()


def _too_deep() -> HttpProblem:
    return HttpProblem(400, "invalid_json", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_nul(value: Json) -> None:
    """Refuse NUL, which PostgreSQL can store neither in text nor in jsonb."""
    match value:
        case str() if "\0" in value:
            raise HttpProblem(400, "invalid_json", "NUL characters are not allowed.")
        case dict():
            for name, member in value.items():
                _check_nul(name)
                _check_nul(member)
        case list():
            for member in value:
                _check_nul(member)


def _parse_form(raw: bytes, most: int) -> list[tuple[str, str]]:
    try:
        text = raw.decode()
        if BROKEN_ESCAPE.search(text):
            raise HttpProblem(400, "invalid_form", "The form has a % that two hexadecimal digits do not follow.")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most)
    except UnicodeDecodeError as error:
        raise HttpProblem(400, "invalid_form", "The form is not in UTF-8.") from error
    except ValueError as error:
        raise HttpProblem(400, "invalid_form", f"The form has more than {most} fields.") from error
