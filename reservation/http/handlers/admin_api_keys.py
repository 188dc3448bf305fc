"""Administration of machine clients' API keys."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate

from ...db.repository import api_keys
from ...db.repository.api_keys import KeyHoldLimits
from ...errors import ReauthenticationRequired
from ...identity import api_keys as service
from ...identity.api_key_format import Scope
from ...runtime.fields import BoundedInteger, Id, Input, Instant, Text
from ..app_keys import API_KEYS, BODY, CALLER, SETTINGS
from ..authentication import require_recent_password
from ..input.path_ids import find_row, path_id
from ..paging import PageByIdQuery, page_by_id, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import Access, Routes
from ..security_events import record_event

routes = Routes("Administration: API keys", Access.ADMIN)

SCOPES = [*Scope]
SCOPES_METADATA = {
    "description": "What the key may be used for: `catalogue` to administer cinemas, movies, auditoriums, seats,"
    " ticket types and showtimes, `booking` to hold, confirm, change and cancel, `reports` to read lists,"
    " `check_in` to check tickets in"
}


HIGHEST_LIMIT = 1_000_000
LIMITS_METADATA = {
    "description": "The key's own limits on holds; what is null is as for its account: the setting, or no limit for"
    " staff and administrators"
}
LIMIT_METADATA = {
    "max_holds_per_user": {"description": "Most live holds of a customer to which the key adds one; 0: no limit"},
    "max_seats_per_user_per_showtime": {
        "description": "Most seats of a customer in a showtime, held and booked, if the key adds some; 0: no limit"
    },
    "holds_per_minute": {"description": "Most holds of the key, from all its addresses; 0: no limit"},
}


class KeyLimitsOutput(Schema):
    """An API key's own limits on holds."""

    max_holds_per_user = fields.Integer(required=True, allow_none=True, metadata=LIMIT_METADATA["max_holds_per_user"])
    max_seats_per_user_per_showtime = fields.Integer(
        required=True, allow_none=True, metadata=LIMIT_METADATA["max_seats_per_user_per_showtime"]
    )
    holds_per_minute = fields.Integer(required=True, allow_none=True, metadata=LIMIT_METADATA["holds_per_minute"])


class ApiKeyOutput(Schema):
    """An API key without the key itself; `last_used_at` is up to two minutes late."""

    id = Id(required=True)
    name = fields.String(required=True)
    user_id = Id(required=True, metadata={"description": "The account that it acts for"})
    prefix = fields.String(required=True, metadata={"description": "The first characters of the key"})
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True, metadata=SCOPES_METADATA)
    created_by = Id(required=True, metadata={"description": "The administrator who created it"})
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    last_used_at = Instant(required=True, allow_none=True)
    revoked_at = Instant(required=True, allow_none=True)
    limits = fields.Nested(KeyLimitsOutput(), required=True, metadata=LIMITS_METADATA)


class MadeApiKeyOutput(ApiKeyOutput):
    """A new API key with the key itself."""

    key = fields.String(required=True, metadata={"description": "The key; shown only once, and not stored"})


def _no_repeats(scopes: Sequence[str]) -> None:
    if len(set(scopes)) < len(scopes):
        raise ValidationError("Each scope can be in the list once.")


class KeyLimitsInput(Input):
    """An API key's own limits on holds."""

    loads_as = KeyHoldLimits
    max_holds_per_user = BoundedInteger(
        0, HIGHEST_LIMIT, allow_none=True, metadata=LIMIT_METADATA["max_holds_per_user"]
    )
    max_seats_per_user_per_showtime = BoundedInteger(
        0, HIGHEST_LIMIT, allow_none=True, metadata=LIMIT_METADATA["max_seats_per_user_per_showtime"]
    )
    holds_per_minute = BoundedInteger(0, HIGHEST_LIMIT, allow_none=True, metadata=LIMIT_METADATA["holds_per_minute"])


class ApiKeyBody(Input):
    """An API key to create."""

    name = Text(100, required=True)
    user_id = Id(required=True, metadata={"description": "The account that it acts for"})
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=[validate.Length(1, len(SCOPES)), _no_repeats],
        metadata={"uniqueItems": True, **SCOPES_METADATA},
    )
    expires_at = Instant(
        allow_none=True,
        metadata={
            "description": "If not given, API_KEY_EXPIRE_DAYS from now; null: the key is valid until it is revoked"
        },
    )
    limits = fields.Nested(KeyLimitsInput(), load_default=None, allow_none=True, metadata=LIMITS_METADATA)


@routes.add(
    "POST",
    "/admin/api-keys",
    body=ApiKeyBody(),
    status=201,
    output=MadeApiKeyOutput(),
    raises=(ReauthenticationRequired,),
    etag=True,
)
async def create_api_key(request: web.Request) -> web.StreamResponse:
    """Create an API key for a machine client.

    Only this response contains the key: the service stores its hash.
    """
    await require_recent_password(request)
    body = {"expires_at": _default_end(request)} | request[BODY]
    body["limits"] = body["limits"] or KeyHoldLimits()
    made, key = await service.create(request.app[API_KEYS], **body, created_by=request[CALLER].user_id)
    record_event(
        request,
        "api_key_created",
        key_id=made.id,
        subject_id=made.user_id,
        scopes=list(made.scopes),
        expires_at=None if made.expires_at is None else made.expires_at.isoformat(),
    )
    response = response_with_etag(
        asdict(made) | {"key": key}, version=made.version, location=f"/admin/api-keys/{made.id}"
    )
    response.headers["Cache-Control"] = "no-store"  # RFC 6750, 5.3: no cache may store tokens
    return response


def _default_end(request: web.Request) -> datetime | None:
    ttl_s = request.app[SETTINGS].api_key_ttl_s
    return datetime.now(UTC) + timedelta(seconds=ttl_s) if ttl_s else None


@routes.add("GET", "/admin/api-keys", query=PageByIdQuery(), output=page_schema(ApiKeyOutput()))
async def list_api_keys(request: web.Request) -> web.StreamResponse:
    """All API keys, including revoked and expired ones."""
    return await page_by_id(request, api_keys.list_keys)


@routes.add("GET", "/admin/api-keys/{api_key_id}", output=ApiKeyOutput(), etag=True)
async def get_api_key(request: web.Request) -> web.StreamResponse:
    """One API key.

    Its ETag does not depend on `last_used_at`.
    """
    found = await find_row(request, "API key", lambda conn, key_id: api_keys.find_key(conn, key_id=key_id))
    return conditional_response(request, found, version=found.version)


@routes.add("DELETE", "/admin/api-keys/{api_key_id}", status=204, raises=(ReauthenticationRequired,), etag=True)
async def revoke_api_key(request: web.Request) -> web.StreamResponse:
    """Revoke an API key at once and for ever; it stays in the list."""
    key_id = path_id(request, "api_key_id")
    await require_recent_password(request)
    await service.revoke(request.app[API_KEYS], key_id=key_id, check=precondition(request))
    record_event(request, "api_key_revoked", key_id=key_id)
    return web.Response(status=204)
