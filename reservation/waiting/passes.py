"""What waiting rooms sign: queue tickets, which keep a customer's place, and admissions; and the lots that they draw.

All are HMAC-SHA256 with keys derived from JWT_SECRET. A ticket and an admission are of one customer and one showtime,
so others cannot use them. A lot is computed, not stored: it is the same whenever a customer asks, so neither a second
request nor a loss of Redis draws a better one.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from time import time

LAYOUT = struct.Struct(">cqqq")  # kind, showtime, customer, and a place in the queue or an end in microseconds
TAG_BYTES = 16
TICKET, ADMISSION = b"t", b"a"
LOT_BITS = 52  # a lot is exact as a score of Redis, which is a double
MAX_CHARS = 100


class PassSigner:
    """Signs with the first of the secrets, and verifies with all."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [_derived(secret, b"reservation: signs waiting room passes") for secret in secrets]
        self._lot_key = _derived(secrets[0], b"reservation: draws waiting room lots")

    def lot(self, showtime_id: int, user_id: int) -> int:
        """The lot of a customer, from -2**52 to -1; the least is the first."""
        drawn = hmac.digest(self._lot_key, struct.pack(">qq", showtime_id, user_id), "sha256")
        return (int.from_bytes(drawn[:8]) >> (64 - LOT_BITS)) - (1 << LOT_BITS)

    def ticket(self, showtime_id: int, user_id: int, place: int) -> str:
        """A queue ticket: the place is a lot, or the time of joining in microseconds since 1970."""
        return self._sign(TICKET, showtime_id, user_id, place)

    def place_of(self, ticket: str, showtime_id: int, user_id: int) -> int | None:
        """The place that a ticket keeps; None if it is not one of this customer and showtime."""
        return self._verified(TICKET, ticket, showtime_id, user_id)

    def admission(self, showtime_id: int, user_id: int, ends_us: int) -> str:
        """An admission until a time in microseconds since 1970."""
        return self._sign(ADMISSION, showtime_id, user_id, ends_us)

    def admits(self, admission: str, showtime_id: int, user_id: int) -> bool:
        """Whether it is an admission of this customer to this showtime that has not ended."""
        ends_us = self._verified(ADMISSION, admission, showtime_id, user_id)
        return ends_us is not None and time() < ends_us / 1_000_000

    def _sign(self, kind: bytes, showtime_id: int, user_id: int, number: int) -> str:
        content = LAYOUT.pack(kind, showtime_id, user_id, number)
        return base64.urlsafe_b64encode(content + _tag(self._keys[0], content)).decode().rstrip("=")

    def _verified(self, kind: bytes, text: str, showtime_id: int, user_id: int) -> int | None:
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= MAX_CHARS else b""
            content, tag = raw[: LAYOUT.size], raw[LAYOUT.size :]
            of_kind, of_showtime, of_user, number = LAYOUT.unpack(content)
        except (binascii.Error, struct.error, ValueError):
            return None
        is_signed = any(hmac.compare_digest(_tag(key, content), tag) for key in self._keys)
        is_own = (of_kind, of_showtime, of_user) == (kind, showtime_id, user_id)
        return int(number) if is_signed and is_own else None


def _derived(secret: str, purpose: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose, "sha256")


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:TAG_BYTES]
