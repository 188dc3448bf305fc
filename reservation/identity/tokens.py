"""JSON Web Tokens: minted and read; their login sessions are rows of PostgreSQL."""

import hmac
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from time import time
from typing import Any, Literal, Self
from uuid import UUID

import jwt
from jwt.types import Options

from ..errors import InvalidToken
from ..settings import InvalidSettings, Settings

ALGORITHM = "HS256"
ISSUER = "reservation"
AUDIENCE = "reservation-api"
KEY_ID_CHARS = 16
REQUIRED_CLAIMS = ["sub", "role", "type", "jti", "iat", "exp"]
MAX_TOKEN_CHARS = 4096
MAX_USER_ID = 2**63 - 1
MAX_GENERATION = 2**31 - 1
# iat is not verified: the clock of the host that issued a token may be a second ahead of this one's.
# iss and aud are verified by `_verified`, which takes a token without them. Earlier versions made none and refuse a
# token with aud, so none is minted yet: during a rolling upgrade their workers would answer it with 401.
READ_OPTIONS: Options = {"require": REQUIRED_CLAIMS, "verify_iat": False, "verify_aud": False, "verify_iss": False}

TokenType = Literal["access", "refresh"]


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a verified token; `generation` is one more than the refreshes of its login session."""

    user_id: int
    session_id: UUID
    generation: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The answer to login and refresh; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Signs tokens with the first of the installation's secrets, and verifies them with all."""

    secrets: tuple[str, ...]
    access_ttl_s: int
    refresh_ttl_s: int
    session_max_s: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """With the secret and lifetimes of the settings; raises InvalidSettings if there is no secret."""
        if not settings.jwt_secrets:
            raise InvalidSettings("JWT_SECRET is not set")
        refresh_ttl_s = min(settings.refresh_token_ttl_s, settings.session_max_s)
        return cls(settings.jwt_secrets, settings.access_token_ttl_s, refresh_ttl_s, settings.session_max_s)

    def pair(
        self, *, user_id: int, role: str, session_id: UUID, generation: int, made_at: int | None = None
    ) -> TokenPair:
        """An access token and the session's only unspent refresh token.

        `made_at` is in seconds since 1970, None for now; of one time, the pair is the same, as signatures are.
        """
        return TokenPair(
            access_token=self.mint("access", user_id, role, session_id, generation, made_at),
            refresh_token=self.mint("refresh", user_id, role, session_id, generation, made_at),
            expires_in=self.access_ttl_s,
        )

    def mint(
        self,
        kind: TokenType,
        user_id: int,
        role: str,
        session_id: UUID,
        generation: int,
        made_at: int | None = None,
    ) -> str:
        """One signed token; its jti, unique, names session, type and generation."""
        now = int(time()) if made_at is None else made_at
        claims = {
            "iss": ISSUER,
            "sub": str(user_id),
            "role": role,
            "type": kind,
            "jti": f"{session_id}.{kind}.{generation}",
            "iat": now,
            "exp": now + (self.access_ttl_s if kind == "access" else self.refresh_ttl_s),
        }
        return jwt.encode(claims, self.secrets[0], ALGORITHM, headers={"kid": key_id(self.secrets[0])})

    def read(self, kind: TokenType, token: str) -> Claims:
        """The claims of a valid token of this type; raises InvalidToken."""
        if len(token) > MAX_TOKEN_CHARS:
            raise InvalidToken
        try:
            claims = self._verified(token)
            session, jti_kind, count = str(claims["jti"]).split(".")
            user_id, generation = int(claims["sub"]), int(count)
            if claims["type"] != kind or jti_kind != kind:
                raise InvalidToken
            if not (0 < user_id <= MAX_USER_ID and 0 < generation <= MAX_GENERATION):
                raise InvalidToken
            return Claims(user_id, UUID(session), generation, expires_at=int(claims["exp"]))
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken(f"The {kind} token has expired.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken from error

    def _verified(self, token: str) -> dict[str, Any]:
        claims = self._signed(token)
        if claims.get("iss", ISSUER) != ISSUER or claims.get("aud", AUDIENCE) != AUDIENCE:
            raise InvalidToken
        return claims

    def _signed(self, token: str) -> dict[str, Any]:
        named = jwt.get_unverified_header(token).get("kid")
        *others, last = [secret for secret in self.secrets if named in (None, key_id(secret))] or self.secrets
        for secret in others:
            with suppress(jwt.InvalidSignatureError):
                return jwt.decode(token, secret, [ALGORITHM], options=READ_OPTIONS)
        return jwt.decode(token, last, [ALGORITHM], options=READ_OPTIONS)


@cache
def key_id(secret: str) -> str:
    """The name of a secret in the header of tokens (kid): part of a keyed hash, of which it cannot be computed."""
    return hmac.digest(secret.encode(), b"kid", "sha256").hex()[:KEY_ID_CHARS]
