"""Idempotency-Key: a request that is sent again gets the first answer, and is carried out once."""

import hashlib
import re
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from ..booking.extend import hold_again
from ..booking.idempotency import Done, as_refusal
from ..db.repository.idempotency import Claim
from ..errors import DomainError, IdempotencyInFlight, Json, KeyClaimed, Unavailable
from .app_keys import BODY, BOOKING_CONTEXT, CLAIM, IDEMPOTENCY, USER
from .bodies import raw_body
from .problems import DOMAIN, Refused
from .responses import Reply

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")
LASTING = frozenset({404, 410, 422})
BY_CODE = {code: error for error, (_, code) in DOMAIN.items()}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# The first answer, told from what became of the reservation.
Replay = Callable[[Done], Reply]


async def carry_out_once(request: web.Request, handler: Handler, replay: Replay) -> web.StreamResponse:
    """Run the handler under the key, and tell the first answer where it was run before.

    A key is written down with the deed, so it is looked up only when there is none.
    """
    claim = request[CLAIM] = _claim_of(request, b"" if BODY not in request else await raw_body(request))
    try:
        return await handler(request)
    except KeyClaimed as claimed:
        done = await _find_done(request, claim)
        if done is None:
            raise IdempotencyInFlight from claimed  # it was swept away at this very moment
        if done.reservation.status == "held":
            await hold_again(request.app[BOOKING_CONTEXT], user_id=claim.user_id, reservation_id=done.reservation.id)
    except Unavailable:
        raise
    except DomainError as error:
        done = await _find_done(request, claim)
        if done is None:
            status, code = DOMAIN[type(error)]
            if status in LASTING:
                await request.app[IDEMPOTENCY].refuse(claim, as_refusal(error, code))
            raise
    again = replay(done)
    again.headers[REPLAYED] = "true"
    return again


async def _find_done(request: web.Request, claim: Claim) -> Done | None:
    """What was done under the key, if anything; raises IdempotencyKeyReused, and the first refusal again."""
    keys = request.app[IDEMPOTENCY]
    standing = await keys.find(claim)
    if standing is None:
        return None
    if standing.refusal is not None:
        raise _refused_again(standing.refusal)
    return await keys.find_done(claim, standing)


def _claim_of(request: web.Request, body: bytes) -> Claim:
    given = request.headers.getall(HEADER)
    if len(given) > 1 or not VISIBLE_ASCII.fullmatch(given[0]):
        raise Refused(
            400, "malformed_request", "Send one Idempotency-Key, of 1 to 255 visible ASCII characters without spaces."
        )
    return Claim(
        user_id=request[USER].user_id,
        key=given[0],
        fingerprint=_fingerprint(request.method, request.path, body),
    )


def _fingerprint(method: str, path: str, body: bytes) -> bytes:
    """Equal for requests that ask for the same: white space, order of members and case of ids do not count."""
    if body:
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(b"\0".join((method.encode(), path.lower().encode(), body)), digest_size=16).digest()


def _refused_again(refusal: dict[str, Json]) -> DomainError:
    details = refusal["details"]
    kind = BY_CODE[str(refusal["code"])]
    error = kind.__new__(kind)  # some make their details of arguments of their own, which are not kept
    DomainError.__init__(error, str(refusal["detail"]), details=details if isinstance(details, dict) else None)
    error.replayed = True
    return error
