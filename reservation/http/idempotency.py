"""Idempotency-Key: a repeated request is not carried out again; it gets the first response."""

import hashlib
import re

import orjson
from aiohttp import web

from ..booking.extend import hold_again
from ..booking.idempotency import FirstOutcome, as_refusal, find_first_outcome, find_stored_key, store_refusal
from ..booking.key_limit import KeyLimit
from ..db.repository.idempotency import IdempotencyKey
from ..errors import (
    DomainError,
    Forbidden,
    IdempotencyInFlight,
    IdempotencyKeyUsed,
    InvalidToken,
    Json,
    Unavailable,
)
from ..identity.verifiers import ApiKeyIdentity
from .app_keys import BODY, BOOKING_CONTEXT, CALLER, DATABASE, IDEMPOTENCY_KEY
from .authentication import current_role
from .input.bodies import read_body
from .output.problems import STATUS_AND_CODE, HttpProblem
from .routes import STAFF_ROLES, VERSION_PREFIX, Handler, Replay

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")
STORED_STATUSES = frozenset({404, 410, 422})  # errors that a repetition gets again; others may be gone by then
ERROR_OF_CODE = {code: error for error, (_, code) in STATUS_AND_CODE.items()}


async def run_once(request: web.Request, handler: Handler, replay: Replay) -> web.StreamResponse:
    """Run the handler, or answer as the first time if a request with this key was carried out already.

    The handler stores the key together with its effect, and raises IdempotencyKeyUsed if the key exists. So the key is
    looked up only after a failure, or where no further key may be stored.
    """
    # A body that says nothing is empty, `{}` or `null`: these are the same request.
    key = request[IDEMPOTENCY_KEY] = _key_of(request, await read_body(request) if request.get(BODY) else b"")
    limit = _limit_of(request)
    try:
        if limit is not None:
            limit.require_room(key.user_id)
        response = await handler(request)
        if limit is not None:
            limit.count(key.user_id)
        return response
    except IdempotencyKeyUsed as used:
        first = await _find_first_outcome(request, key)
        if first is None:
            raise IdempotencyInFlight from used  # the key was deleted between the two look-ups
    except (Unavailable, Forbidden, InvalidToken):
        raise
    except DomainError as error:
        first = await _find_first_outcome(request, key)
        if first is None:
            status, code = STATUS_AND_CODE[type(error)]
            if status in STORED_STATUSES:
                await store_refusal(request.app[DATABASE], key, as_refusal(error, code))
                if limit is not None:
                    limit.count(key.user_id)
            raise
        if not await _may_see(request, first):
            raise
    if first.reservation.status == "held":
        await hold_again(
            request.app[BOOKING_CONTEXT],
            user_id=first.owner_id,
            reservation_id=first.reservation.id,
            idempotency_key=key,
        )
    response = await replay(request, first)
    response.headers[REPLAYED] = "true"
    return response


def _limit_of(request: web.Request) -> KeyLimit | None:
    """The limit on the caller's keys; None for API keys and staff."""
    caller = request[CALLER]
    if isinstance(caller, ApiKeyIdentity) or caller.user.role in STAFF_ROLES:
        return None
    return request.app[BOOKING_CONTEXT].key_limit


async def _find_first_outcome(request: web.Request, key: IdempotencyKey) -> FirstOutcome | None:
    """The effect of the first request with the key; raises IdempotencyKeyReused, and the error that it got."""
    stored = await find_stored_key(request.app[DATABASE], key)
    if stored is None:
        return None
    if stored.refusal is not None:
        raise _stored_error(stored.refusal)
    return await find_first_outcome(request.app[DATABASE], stored)


async def _may_see(request: web.Request, first: FirstOutcome) -> bool:
    """Whether it is the caller's own reservation, or the caller is staff now: a role may have changed since."""
    return first.owner_id == request[CALLER].user_id or await current_role(request) in STAFF_ROLES


def _key_of(request: web.Request, body: bytes) -> IdempotencyKey:
    given = request.headers.getall(HEADER)
    if len(given) > 1 or not VISIBLE_ASCII.fullmatch(given[0]):
        raise HttpProblem(
            400, "malformed_request", "Send one Idempotency-Key, of 1 to 255 visible ASCII characters without spaces."
        )
    fingerprint = _fingerprint(request.method, request.path.removeprefix(VERSION_PREFIX), body)
    return IdempotencyKey(user_id=request[CALLER].user_id, key=given[0], fingerprint=fingerprint)


def _fingerprint(method: str, path: str, body: bytes) -> bytes:
    """Equal for requests that differ only in white space, in the order of members, or in the case of ids."""
    if body:
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(b"\0".join((method.encode(), path.lower().encode(), body)), digest_size=16).digest()


def _stored_error(refusal: dict[str, Json]) -> DomainError:
    details = refusal["details"]
    kind = ERROR_OF_CODE[str(refusal["code"])]
    error = kind.__new__(kind)  # not kind(...): some classes compute their details from arguments that are not stored
    DomainError.__init__(error, str(refusal["detail"]), details=details if isinstance(details, dict) else None)
    error.replayed = True
    return error
