"""Conditional requests (RFC 9110): ETags, and writes that depend on the ETag that the client has seen.

The ETag is a digest of the representation, so it changes whenever that does: a film's new title also changes the ETags
of its showtimes, which show it. Every write of a row raises `updated_at`, which is part of the digest, so an ETag is
never used again. An API key has no `updated_at`: it changes once, when it is revoked. Its digest leaves out
`last_used_at`: otherwise If-Match would fail for every key that is in use. In the same way, a showtime's digest leaves
out `seats_left`.
"""

import re
from hashlib import blake2b

from aiohttp import web

from ..db.preconditions import Precondition, no_precondition
from ..errors import PreconditionFailed
from .output.compression import MIN_BYTES, known_tag, unchanged_response, without_coding
from .output.problems import HttpProblem
from .output.responses import SingleWriteResponse, cacheable_response, encode, not_modified

TAG_BYTES = 16
ONLY_WEAK = "If-Match has only weak tags, which never match: a proxy that compresses answers may have made them weak."

_TAG = r'(?:W/)?"[!#-~\u0080-\U0010ffff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
# The part of that which HTTP libraries let a client send, for the OpenAPI document.
DOCUMENTED_TAGS = r'(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*'


def conditional_response(request: web.Request, value: object, *, version: object = None) -> SingleWriteResponse:
    """The response to a GET: the value with its ETag, or 304 if If-None-Match has that ETag.

    The ETag is the digest of `version`, or of the value itself: of the object that the check of a write receives.
    """
    body = encode(value)
    tag = _digest(body if version is None else encode(version))
    known = _tags(request, "If-None-Match")
    if known is None or not _has_tag(known, tag):
        return cacheable_response(body, etag=tag)
    if len(body) < MIN_BYTES:
        return not_modified(etag=tag)
    return unchanged_response(etag=known_tag(request, tag) or f'"{tag}"')


def response_with_etag(value: object, *, version: object = None, location: str | None = None) -> SingleWriteResponse:
    """The response to a write: the value with its ETag, as in `conditional_response`; a 201 if `location` is given."""
    body = encode(value)
    headers = {"ETag": f'"{_digest(body if version is None else encode(version))}"'}
    if location is None:
        return SingleWriteResponse(body, headers=headers)
    return SingleWriteResponse(body, status=201, headers=headers | {"Location": location})


def precondition(request: web.Request) -> Precondition:
    """The check that a write's If-Match and If-None-Match ask for; raises HttpProblem (400) for malformed ones.

    If-Match compares strongly: a weak tag never matches. If-None-Match compares weakly. What a proxy adds to a tag for
    the coding does not count: a write replaces the object, whatever form of it the client has read.
    """
    wanted, unwanted = _tags(request, "If-Match"), _tags(request, "If-None-Match")
    if wanted is None and unwanted is None:
        return no_precondition
    for name, tags in (("If-Match", wanted), ("If-None-Match", unwanted)):
        if tags == []:
            raise HttpProblem(400, "malformed_request", f"{name} is neither * nor a list of quoted entity tags.")

    def check(stored: object) -> None:
        tag = _digest(encode(stored))
        if wanted is not None and wanted != ["*"] and f'"{tag}"' not in map(without_coding, wanted):
            raise PreconditionFailed(ONLY_WEAK) if all(each.startswith("W/") for each in wanted) else PreconditionFailed
        if unwanted is not None and _has_tag(unwanted, tag):
            raise PreconditionFailed

    return check


def _digest(body: bytes) -> str:
    """The ETag of a representation, without its quotes."""
    return blake2b(body, digest_size=TAG_BYTES).hexdigest()


def _tags(request: web.Request, name: str) -> list[str] | None:
    """The tags of a header, which may have several lines, with quotes and prefix; ["*"] for any, [] if malformed."""
    lines = request.headers.getall(name, ())
    if not lines:
        return None
    header = ",".join(lines).strip(" \t")
    if header == "*":
        return ["*"]
    return re.findall(_TAG, header) if _TAGS.fullmatch(header) else []


def _has_tag(tags: list[str], tag: str) -> bool:
    """Whether If-None-Match has the tag, or is `*`."""
    return tags == ["*"] or f'"{tag}"' in (without_coding(listed.removeprefix("W/")) for listed in tags)
