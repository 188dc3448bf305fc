"""JSON Web Tokens: minted and read; their login sessions are rows of PostgreSQL."""

from dataclasses import dataclass
from time import time
from typing import Literal, Self
from uuid import UUID

import jwt
from jwt.types import Options

from ..errors import InvalidToken
from ..settings import InvalidSettings, Settings

ALGORITHM = "HS256"
REQUIRED_CLAIMS = ["sub", "role", "type", "jti", "iat", "exp"]
MAX_TOKEN_CHARS = 4096
MAX_USER_ID = 2**63 - 1
MAX_GENERATION = 2**31 - 1
# iat is not verified: the clock of the host that issued a token may be a second ahead of this one's.
READ_OPTIONS: Options = {"require": REQUIRED_CLAIMS, "verify_iat": False}

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
    """Signs and verifies tokens with the installation's secret."""

    secret: str
    access_ttl_s: int
    refresh_ttl_s: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """With the secret and lifetimes of the settings; raises InvalidSettings if there is no secret."""
        if settings.jwt_secret is None:
            raise InvalidSettings("JWT_SECRET is not set")
        return cls(settings.jwt_secret, settings.access_token_ttl_s, settings.refresh_token_ttl_s)

    def pair(self, *, user_id: int, role: str, session_id: UUID, generation: int) -> TokenPair:
        """A new access token and the session's only valid refresh token."""
        return TokenPair(
            access_token=self.mint("access", user_id, role, session_id, generation),
            refresh_token=self.mint("refresh", user_id, role, session_id, generation),
            expires_in=self.access_ttl_s,
        )

    def mint(self, kind: TokenType, user_id: int, role: str, session_id: UUID, generation: int) -> str:
        """One signed token; its jti, unique, names session, type and generation."""
        now = int(time())
        claims = {
            "sub": str(user_id),
            "role": role,
            "type": kind,
            "jti": f"{session_id}.{kind}.{generation}",
            "iat": now,
            "exp": now + (self.access_ttl_s if kind == "access" else self.refresh_ttl_s),
        }
        return jwt.encode(claims, self.secret, ALGORITHM)

    def read(self, kind: TokenType, token: str) -> Claims:
        """The claims of a valid token of this type; raises InvalidToken."""
        if len(token) > MAX_TOKEN_CHARS:
            raise InvalidToken
        try:
            claims = jwt.decode(token, self.secret, [ALGORITHM], options=READ_OPTIONS)
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
