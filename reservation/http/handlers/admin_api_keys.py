"""Administration of machine clients' API keys."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate

from ...db.repository import api_keys
from ...errors import NotFound
from ...identity import api_keys as service
from ...identity.api_key_format import Scope
from ...runtime.fields import Id, Input, Instant, Text
from ..app_keys import API_KEYS, BODY, DATABASE, QUERY, USER
from ..paging import Cursor, PageQuery, listing, page
from ..preconditions import created, current, precondition
from ..routes import Access, Routes, path_id

routes = Routes("Administration: API keys")

SCOPES = [*Scope]
MAY = {
    "description": "What the key may be used for: `catalogue` to administer films, rooms and showtimes, `booking` to"
    " hold, confirm and cancel, `reports` to read lists"
}


class ApiKeyOutput(Schema):
    """An API key, but for the key itself; `last_used_at` is up to two minutes late."""

    id = Id(required=True)
    name = fields.String(required=True)
    user_id = Id(required=True, metadata={"description": "The account that it acts for"})
    prefix = fields.String(required=True, metadata={"description": "The first characters of the key"})
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True, metadata=MAY)
    created_by = Id(required=True, metadata={"description": "The administrator who made it"})
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    last_used_at = Instant(required=True, allow_none=True)
    revoked_at = Instant(required=True, allow_none=True)


class MadeApiKeyOutput(ApiKeyOutput):
    """A new API key, and how it reads."""

    key = fields.String(required=True, metadata={"description": "The key: shown this once, and not kept"})


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """An API key to make."""

    name: str
    user_id: int
    scopes: list[str]
    expires_at: datetime | None


def _no_repeats(scopes: Sequence[str]) -> None:
    if len(set(scopes)) < len(scopes):
        raise ValidationError("Each scope can be in the list once.")


class ApiKeyBody(Input):
    """An API key to make; without `expires_at`, it is good until it is revoked."""

    makes = NewApiKey
    name = Text(100, required=True)
    user_id = Id(required=True, metadata={"description": "The account that it acts for"})
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=[validate.Length(1, len(SCOPES)), _no_repeats],
        metadata={"uniqueItems": True, **MAY},
    )
    expires_at = Instant(load_default=None, allow_none=True)


class ApiKeysQuery(PageQuery):
    """A page of API keys."""

    cursor = Cursor(int, load_default=(0,))


@routes.add(
    "POST",
    "/admin/api-keys",
    access=Access.ADMIN,
    body=ApiKeyBody(),
    status=201,
    answer=MadeApiKeyOutput(),
    etag=True,
)
async def create_api_key(request: web.Request) -> web.StreamResponse:
    """Make an API key for a machine client.

    The answer is the only place where the key stands: the service keeps its hash.
    """
    body: NewApiKey = request[BODY]
    made, key = await service.create(
        request.app[API_KEYS],
        name=body.name,
        user_id=body.user_id,
        scopes=body.scopes,
        created_by=request[USER].user_id,
        expires_at=body.expires_at,
    )
    reply = created({**asdict(made), "key": key}, location=f"/admin/api-keys/{made.id}", version=made.version)
    # RFC 6750, 5.3, of a token like this one: nobody on the way may keep it.
    reply.headers["Cache-Control"] = "no-store"
    return reply


@routes.add(
    "GET",
    "/admin/api-keys",
    access=Access.ADMIN,
    query=ApiKeysQuery(),
    answer=listing(ApiKeyOutput(), "ApiKeyListOutput"),
)
async def list_api_keys(request: web.Request) -> web.StreamResponse:
    """All API keys, revoked and expired ones among them."""
    query: dict[str, Any] = request[QUERY]
    async with request.app[DATABASE].connection() as conn:
        rows = await api_keys.list_keys(conn, after=query["cursor"][0], row_limit=query["limit"] + 1)
    return page(request, rows, query["limit"], lambda key: [key.id])


@routes.add("GET", "/admin/api-keys/{api_key_id}", access=Access.ADMIN, answer=ApiKeyOutput(), etag=True)
async def get_api_key(request: web.Request) -> web.StreamResponse:
    """One API key.

    Its ETag does not change with `last_used_at`, which changes by itself.
    """
    async with request.app[DATABASE].connection() as conn:
        found = await api_keys.find_key(conn, key_id=path_id(request, "api_key_id"))
    if found is None:
        raise NotFound("There is no such API key.")
    return current(request, found, version=found.version)


@routes.add("DELETE", "/admin/api-keys/{api_key_id}", access=Access.ADMIN, status=204, etag=True)
async def revoke_api_key(request: web.Request) -> web.StreamResponse:
    """Revoke an API key, at once and for good; it stays in the list."""
    key_id = path_id(request, "api_key_id")
    await service.revoke(request.app[API_KEYS], key_id=key_id, check=precondition(request))
    return web.Response(status=204)
