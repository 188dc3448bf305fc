"""The credential caches of a service under test."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import jwt

from reservation.http.app_keys import ACCESS_TOKENS, API_KEYS
from reservation.identity.verifiers import AccessTokenVerifier, ApiKeyVerifier
from tests.api import Api, Person

INVALIDATED_WITHIN_S = 1.0  # in every worker


def access_tokens_of(api: Api) -> AccessTokenVerifier:
    server: Any = api.client.server
    verifier: AccessTokenVerifier = server.app[ACCESS_TOKENS]
    return verifier


def api_keys_of(api: Api) -> ApiKeyVerifier:
    server: Any = api.client.server
    verifier: ApiKeyVerifier = server.app[API_KEYS].verifier
    return verifier


def session_id_of(person: Person) -> UUID:
    claims = jwt.decode(person.access_token, options={"verify_signature": False})
    return UUID(str(claims["jti"]).partition(".")[0])


def is_cached(api: Api, person: Person) -> bool:
    return person.access_token in access_tokens_of(api).cache._identities


async def until(condition: Callable[[], Awaitable[bool]], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.005)


async def connected(api: Api) -> Api:
    """The service, once invalidations reach it: until then it caches nothing."""

    async def is_connected() -> bool:
        return access_tokens_of(api).cache._connected and api_keys_of(api).cache._connected

    await until(is_connected, 5)
    return api
