"""JSON Web Tokens: minting and reading; where a login session lives is the repository's business."""

from dataclasses import dataclass
from time import time
from typing import Literal
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
# Another host of ours may be a second ahead: what it has signed is good although it was issued "in the future".
READING: Options = {"require": REQUIRED_CLAIMS, "verify_iat": False}

TokenType = Literal["access", "refresh"]


@dataclass(frozen=True, slots=True)
class Claims:
    """Who a verified token speaks for; `generation` counts the refreshes of its login session."""

    user_id: int
    role: str
    session_id: UUID
    generation: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What login and refresh answer; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Signs and verifies tokens with the installation's secret; lives in seconds."""

    secret: str
    access_ttl_s: int
    refresh_ttl_s: int

    def pair(self, *, user_id: int, role: str, session_id: UUID, generation: int) -> TokenPair:
        """A new access token and the session's one good refresh token."""
        return TokenPair(
            access_token=self.mint("access", user_id, role, session_id, generation),
            refresh_token=self.mint("refresh", user_id, role, session_id, generation),
            expires_in=self.access_ttl_s,
        )

    def mint(self, kind: TokenType, user_id: int, role: str, session_id: UUID, generation: int) -> str:
        """One signed token; its jti names session, kind and generation, so no two of them are alike."""
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
        """The claims of a good token of that type; raises InvalidToken otherwise."""
        if len(token) > MAX_TOKEN_CHARS:
            raise InvalidToken
        try:
            claims = jwt.decode(token, self.secret, [ALGORITHM], options=READING)
            session, jti_kind, count = str(claims["jti"]).split(".")
            user_id, generation = int(claims["sub"]), int(count)
            if claims["type"] != kind or jti_kind != kind:
                raise InvalidToken
            if not (0 < user_id <= MAX_USER_ID and 0 < generation <= MAX_GENERATION):
                raise InvalidToken
            return Claims(
                user_id=user_id,
                role=str(claims["role"]),
                session_id=UUID(session),
                generation=generation,
                expires_at=int(claims["exp"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken(f"The {kind} token has expired.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken from error


def token_mint(settings: Settings) -> TokenMint:
    """Signs and verifies with the secret of the settings; raises InvalidSettings if there is none."""
    if settings.jwt_secret is None:
        raise InvalidSettings("JWT_SECRET is not set")
    return TokenMint(settings.jwt_secret, settings.access_token_ttl_s, settings.refresh_token_ttl_s)
