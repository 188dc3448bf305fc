"""What the QR code of a ticket has: a JSON Web Signature that a scanner checks with the published keys, also offline.

It is signed with Ed25519. The claims are few, since a QR code of few modules is read faster and from farther away:
`code` of the ticket, `showtime`, `seat` as a row and a number, and `starts`, the showtime's start in seconds since 1970
when the code was made.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import Invalid

ALGORITHM = "EdDSA"
PURPOSE = b"reservation: signs tickets"
KEY_ID_CHARS = 6
UNVERIFIED = "Not signed with a key of this cinema."


@dataclass(frozen=True, slots=True)
class TicketKey:
    """A pair of keys; the id is the start of the public key's thumbprint (RFC 7638)."""

    id: str
    private: Ed25519PrivateKey
    public: Ed25519PublicKey
    x: str  # the public key in base64url

    @classmethod
    def from_secret(cls, secret: str) -> Self:
        """Derived from a secret: the same secret makes the same keys, and they do not tell the secret."""
        seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
        private = Ed25519PrivateKey.from_private_bytes(seed)
        public = private.public_key()
        x = _base64url(public.public_bytes_raw())
        thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
        return cls(_base64url(thumbprint)[:KEY_ID_CHARS], private, public, x)

    @property
    def published(self) -> dict[str, str]:
        """The public key as a JSON Web Key (RFC 8037)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.id, "alg": ALGORITHM, "use": "sig"}


class TicketSigner:
    """Signs with the first of the keys, and verifies with all."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.keys: Mapping[str, TicketKey] = {key.id: key for key in map(TicketKey.from_secret, secrets)}
        self._first = next(iter(self.keys.values()))

    def payload(self, *, code: str, showtime_id: int, seat: str, starts_at: datetime) -> str:
        """The content of a ticket's QR code."""
        claims = {"code": code, "showtime": showtime_id, "seat": seat, "starts": int(starts_at.timestamp())}
        return jwt.encode(claims, self._first.private, ALGORITHM, headers={"kid": self._first.id, "typ": None})

    def code_of(self, payload: str) -> str:
        """The ticket's code in the content of a QR code; raises Invalid if no key of the cinema has signed it."""
        try:
            key = self.keys[jwt.get_unverified_header(payload)["kid"]]
            return str(jwt.decode(payload, key.public, [ALGORITHM])["code"])
        except (jwt.InvalidTokenError, KeyError, TypeError) as error:
            raise Invalid("/code", UNVERIFIED) from error


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
