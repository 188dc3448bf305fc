"""Idempotency-Key: a request that is sent again gets the first answer, and is carried out once."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import orjson
from aiohttp import web

from ..errors import DomainError, Json
from ..idempotency import Done, as_refusal
from ..repository.idempotency import Claim
from .keys import IDEMPOTENCY, RESERVATION_ID, USER
from .problems import DOMAIN, Refused
from .responses import Reply

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")
LASTING = frozenset({404, 410, 422})
BY_CODE = {code: error for error, (_, code) in DOMAIN.items()}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# The first answer, told from what became of the reservation; None where the request was not carried out (yet).
Replay = Callable[[Done], Reply | None]


async def carry_out_once(
    request: web.Request, handler: Handler, replay: Replay, reservation_id: UUID
) -> web.StreamResponse:
    """Run the handler unless the key says that it was, or is being run; the id is of what it is about, or a new one."""
    keys = request.app[IDEMPOTENCY]
    claim = await _claim_of(request, reservation_id)
    standing = await keys.claim(claim)
    request[RESERVATION_ID] = claim.reservation_id
    if standing is not None:
        if standing.refusal is not None:
            raise _refused_again(standing.refusal)
        if standing.reservation_id is not None:
            done = await keys.find_done(user_id=claim.user_id, reservation_id=standing.reservation_id)
            again = None if done is None else replay(done)
            if again is not None:
                again.headers[REPLAYED] = "true"
                return again
        request[RESERVATION_ID] = await keys.carry_on(claim)
    try:
        return await handler(request)
    except DomainError as error:
        status, code = DOMAIN[type(error)]
        if status in LASTING:
            await keys.refuse(claim, as_refusal(error, code))
        else:
            await keys.release(claim)
        raise


async def _claim_of(request: web.Request, reservation_id: UUID) -> Claim:
    given = request.headers.getall(HEADER)
    if len(given) > 1 or not VISIBLE_ASCII.fullmatch(given[0]):
        raise Refused(
            400, "malformed_request", "Send one Idempotency-Key, of 1 to 255 visible ASCII characters without spaces."
        )
    return Claim(
        user_id=request[USER].user_id,
        key=given[0],
        fingerprint=_fingerprint(request.method, request.path, await request.read()),
        reservation_id=reservation_id,
    )


def _fingerprint(method: str, path: str, body: bytes) -> bytes:
    """Equal for requests that ask for the same: white space and the order of members do not count."""
    with suppress(orjson.JSONDecodeError):  # no body, or one that the operation ignores
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(b"\0".join((method.encode(), path.encode(), body)), digest_size=16).digest()


def _refused_again(refusal: dict[str, Json]) -> DomainError:
    details = refusal["details"]
    kind = BY_CODE[str(refusal["code"])]
    error = kind.__new__(kind)  # some make their details of arguments of their own, which are not kept
    DomainError.__init__(error, str(refusal["detail"]), details=details if isinstance(details, dict) else None)
    error.replayed = True
    return error
