"""Bodies that never change: with an ETag, and compressed once."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

from ...seatmap.drawing import compress
from .compression import MIN_BYTES, REVALIDATE, encoded_response, known_tag, unchanged_response, wants_gzip
from .responses import SingleWriteResponse

# Media types of files, by the end of their names, and whether they are worth compressing.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
COMPRESSED_ALREADY = ("image/png", "font/woff2")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A body that never changes, its ETag without quotes, and its compressed form."""

    body: bytes
    tag: str
    compressed: bytes


@cache  # it takes some 15 ms for a megabyte
def fixed_body(body: bytes) -> Fixed:
    """A body to send with `fixed_response`."""
    return Fixed(body, hashlib.sha256(body).hexdigest()[:32], compress(body))


@cache
def fixed_file(path: Path) -> Fixed:
    """The content of a file, which is read once."""
    return fixed_body(path.read_bytes())


def fixed_response(
    request: web.Request, fixed: Fixed, content_type: str, *, cache_control: str = REVALIDATE
) -> SingleWriteResponse:
    """The body, or a 304 if If-None-Match has its ETag."""
    is_any = any(known.value == "*" for known in request.if_none_match or ())
    known = f'"{fixed.tag}"' if is_any else known_tag(request, fixed.tag)
    gzip = content_type not in COMPRESSED_ALREADY and len(fixed.body) >= MIN_BYTES and wants_gzip(request)
    return (
        encoded_response(
            fixed.compressed if gzip else fixed.body,
            etag=fixed.tag,
            gzip=gzip,
            cache_control=cache_control,
            content_type=content_type,
        )
        if known is None
        else unchanged_response(etag=known, cache_control=cache_control)
    )
