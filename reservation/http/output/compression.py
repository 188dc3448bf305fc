"""Responses that are sent compressed to clients that ask for it (RFC 9110, 8.4 and 12.5.3)."""

import re
from functools import lru_cache

from aiohttp import web

from ...seatmap.drawing import compress
from .responses import JSON, SingleWriteResponse

MIN_BYTES = 1024  # of a body that is compressed
REVALIDATE = "no-cache"  # a cache asks with If-None-Match before it uses a copy
# Apache adds -gzip or -br to a tag, Jetty --gzip, and others ;gzip or :gzip.
_CODING = re.compile(r'(?:--?|[;:])(?:gzip|br|zstd|deflate)"$')
SUFFIX = "-gzip"  # of the ETag of a compressed representation, since a strong ETag stands for its bytes


def wants_gzip(request: web.Request) -> bool:
    """Whether the client prefers gzip, which few that are not browsers ask for."""
    header = request.headers.get("Accept-Encoding")
    return header is not None and _prefers_gzip(header)


def encoded_response(
    body: bytes, *, etag: int | str, gzip: bool, cache_control: str = REVALIDATE, content_type: str = JSON
) -> SingleWriteResponse:
    """A 200, whose body is compressed if `gzip` says so."""
    tag = f'"{etag}{SUFFIX}"\r\nContent-Encoding: gzip' if gzip else f'"{etag}"'
    lines = f"ETag: {tag}\r\nCache-Control: {cache_control}\r\nVary: Accept-Encoding\r\n"
    response = SingleWriteResponse(body, content_type=content_type, lines=lines)
    response.is_negotiated = True
    return response


def compress_if_asked(request: web.Request, response: SingleWriteResponse) -> None:
    """Compress a body of MIN_BYTES or more for a client that asks for it, unless the handler has decided that."""
    if response.is_negotiated:
        return
    headers = response.headers
    headers["Vary"] = f"{headers['Vary']}, Accept-Encoding" if "Vary" in headers else "Accept-Encoding"
    if wants_gzip(request):
        response.body = compress(response.body)
        headers["Content-Encoding"] = "gzip"
        if "ETag" in headers:
            headers["ETag"] = f'{headers["ETag"][:-1]}{SUFFIX}"'


def unchanged_response(*, etag: str, cache_control: str = REVALIDATE) -> SingleWriteResponse:
    """A 304 for a client that has this representation; the ETag is quoted."""
    lines = f"ETag: {etag}\r\nCache-Control: {cache_control}\r\nVary: Accept-Encoding\r\n"
    return SingleWriteResponse(status=304, content_type=None, lines=lines)


def tags_of(etag: int | str) -> tuple[str, str]:
    """The tags, quoted, of a representation and of its compressed form."""
    return f'"{etag}"', f'"{etag}{SUFFIX}"'


def without_coding(tag: str) -> str:
    """A quoted tag without what this service, or a proxy that compresses, has added for the coding."""
    return _CODING.sub('"', tag)


def known_tag(request: web.Request, etag: int | str) -> str | None:
    """The tag of If-None-Match, quoted, that stands for this representation, compressed or not; mostly it has one.

    The plain tag for one to which a proxy has added a coding: the proxy adds it again.
    """
    header = request.headers.get("If-None-Match")
    if header is None:
        return None
    tags = tags_of(etag)
    if header in tags:
        return header
    known = {f'"{tag.value}"' for tag in request.if_none_match or ()}
    return next((tag for tag in tags if tag in known), tags[0] if tags[0] in map(without_coding, known) else None)


@lru_cache(maxsize=256)
def _prefers_gzip(accept_encoding: str) -> bool:
    weights = dict(map(_weighted, accept_encoding.split(",")))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weighted(listed: str) -> tuple[str, float]:
    """A coding and its weight; 0 for one that cannot be read."""
    coding, _, weight = listed.partition(";")
    name, _, value = weight.strip().partition("=")
    try:
        number = float(value) if name.strip().lower() == "q" else float(not weight)
    except ValueError:
        number = 0.0
    return coding.strip().lower(), number
