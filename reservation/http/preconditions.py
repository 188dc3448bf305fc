"""Conditional requests (RFC 9110): ETags, and writes that depend on the ETag that the client has seen.

The ETag is a digest of the representation, so it changes whenever that does: a film's new title also changes the ETags
of its showtimes, which show it. Every write of a row raises `updated_at`, which is part of the digest, so an ETag is
never used again. API keys and seats have no `updated_at`: a key changes once, when it is revoked, and a seat never. The
digest of an API key leaves out `last_used_at`: otherwise If-Match would fail for every key that is in use.
"""

import re
from hashlib import blake2b

from aiohttp import web

from ..db.preconditions import Precondition, no_precondition
from ..errors import PreconditionFailed
from .output.problems import HTTP_PROBLEMS, HttpProblem
from .output.responses import SingleWriteResponse, cacheable_response, encode, not_modified

TAG_BYTES = 16

_TAG = r'(?:W/)?"[!#-~\u0080-\U0010ffff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
# The part of that which HTTP libraries let a client send, for the OpenAPI document.
DOCUMENTED_TAGS = r'(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*'
_WEAK = "W/"


def conditional_response(request: web.Request, value: object, *, version: object = None) -> SingleWriteResponse:
    """The response to a GET: the value with its ETag, or 304 if If-None-Match has that ETag.

    The ETag is the digest of `version`, or of the value itself: of the object that the check of a write receives.
    """
    body = encode(value)
    tag = _digest(body if version is None else encode(version))
    known = _header(request, "If-None-Match")
    if known is not None and _has_tag(known, tag):
        return not_modified(etag=tag)
    return cacheable_response(body, etag=tag)


def response_with_etag(
    value: object, *, version: object = None, status: int = 200, location: str | None = None
) -> SingleWriteResponse:
    """The response to a write: the value with its ETag, which is as in `conditional_response`."""
    body = encode(value)
    headers = {"ETag": f'"{_digest(body if version is None else encode(version))}"'}
    if location is not None:
        headers["Location"] = location
    return SingleWriteResponse(body, status=status, headers=headers)


def precondition(request: web.Request) -> Precondition:
    """The check that a write's If-Match and If-None-Match ask for; raises HttpProblem (400) for malformed ones.

    If-Match compares strongly: a weak tag never matches. If-None-Match compares weakly.
    """
    wanted, unwanted = _header(request, "If-Match"), _header(request, "If-None-Match")
    if wanted is None and unwanted is None:
        return no_precondition
    for name, header in (("If-Match", wanted), ("If-None-Match", unwanted)):
        if header is not None and not _is_well_formed(header):
            raise HttpProblem(
                400, HTTP_PROBLEMS[400][0], f"{name} is neither * nor a list of entity tags in double quotes."
            )

    def check(stored: object) -> None:
        tag = _digest(encode(stored))
        if wanted is not None and wanted != "*" and f'"{tag}"' not in _listed(wanted):
            raise PreconditionFailed
        if unwanted is not None and _has_tag(unwanted, tag):
            raise PreconditionFailed

    return check


def _digest(body: bytes) -> str:
    """The ETag of a representation, without its quotes."""
    return blake2b(body, digest_size=TAG_BYTES).hexdigest()


def _header(request: web.Request, name: str) -> str | None:
    """A list header, which may have several lines."""
    lines = request.headers.getall(name, ())
    return ",".join(lines).strip(" \t") if lines else None


def _is_well_formed(header: str) -> bool:
    return header == "*" or _TAGS.fullmatch(header) is not None


def _listed(header: str) -> list[str]:
    """The tags of a list with quotes and prefix; none if it is malformed."""
    return re.findall(_TAG, header) if _TAGS.fullmatch(header) else []


def _has_tag(header: str, tag: str) -> bool:
    """Whether If-None-Match has the tag, or is `*`."""
    return header == "*" or f'"{tag}"' in {listed.removeprefix(_WEAK) for listed in _listed(header)}
