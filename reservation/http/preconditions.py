"""Conditional requests (RFC 9110): an ETag names what a client has seen, and a write can depend on it.

The tag is a digest of the representation, so nothing can change that and leave the tag as it was: a film's new title
also changes the tags of its showtimes, which show it. `updated_at` is part of what is digested, and every write of a
row raises it, so no tag ever comes back. API keys and seats have none: a key changes once, when it is revoked, and a
seat never. When a key was last used is no change, and not digested: nobody could revoke a busy key as they saw it.
"""

import re
from hashlib import blake2b

from aiohttp import web

from ..db.preconditions import Precondition, no_precondition
from ..errors import PreconditionFailed
from .problems import PROTOCOL, Refused
from .responses import Reply, encode, unchanged, versioned

TAG_BYTES = 16

_TAG = r'(?:W/)?"[!#-~\u0080-\U0010ffff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
# As much of that as a client has reason to send, and an HTTP library lets it.
TAGS = r'(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*'
_WEAK = "W/"


def current(request: web.Request, value: object, *, version: object = None) -> Reply:
    """The answer to a GET: the thing with its ETag, or 304 where If-None-Match names that.

    `version` is what checks are given, where that is not what is shown: all of it makes the tag, and nothing else does.
    """
    body = encode(value)
    tag = _digest(body if version is None else encode(version))
    known = _header(request, "If-None-Match")
    if known is not None and _is_known(tag, known):
        return unchanged(etag=tag)
    return versioned(body, etag=tag)


def created(value: object, *, location: str, version: object = None) -> Reply:
    """A 201 with the address and the ETag of what was made; `version` is as in `current`."""
    body = encode(value)
    tag = _digest(body if version is None else encode(version))
    return Reply(body, status=201, headers={"Location": location, "ETag": f'"{tag}"'})


def replaced(value: object, *, version: object = None) -> Reply:
    """A 200 with what is there now, and its ETag; `version` is as in `current`."""
    body = encode(value)
    tag = _digest(body if version is None else encode(version))
    return Reply(body, headers={"ETag": f'"{tag}"'})


def precondition(request: web.Request) -> Precondition:
    """The check that a writer's If-Match and If-None-Match ask for; refuses those that cannot be read with a 400.

    If-Match compares strongly: a weak tag never matches. If-None-Match compares weakly.
    """
    wanted, unwanted = _header(request, "If-Match"), _header(request, "If-None-Match")
    if wanted is None and unwanted is None:
        return no_precondition
    for name, header in (("If-Match", wanted), ("If-None-Match", unwanted)):
        if header is not None and not _is_readable(header):
            raise Refused(400, PROTOCOL[400][0], f"{name} is neither * nor a list of entity tags in double quotes.")

    def check(there: object) -> None:
        tag = _digest(encode(there))
        if wanted is not None and wanted != "*" and f'"{tag}"' not in _listed(wanted):
            raise PreconditionFailed
        if unwanted is not None and _is_known(tag, unwanted):
            raise PreconditionFailed

    return check


def _digest(body: bytes) -> str:
    """The tag of a representation, without the quotes."""
    return blake2b(body, digest_size=TAG_BYTES).hexdigest()


def _header(request: web.Request, name: str) -> str | None:
    """A list header, which may come in several lines."""
    lines = request.headers.getall(name, ())
    return ",".join(lines).strip(" \t") if lines else None


def _is_readable(header: str) -> bool:
    return header == "*" or _TAGS.fullmatch(header) is not None


def _listed(header: str) -> list[str]:
    """The tags of a list as they stand there; none of one that cannot be read."""
    return re.findall(_TAG, header) if _TAGS.fullmatch(header) else []


def _is_known(tag: str, header: str) -> bool:
    """Whether If-None-Match names the tag, or anything at all."""
    return header == "*" or f'"{tag}"' in {listed.removeprefix(_WEAK) for listed in _listed(header)}
