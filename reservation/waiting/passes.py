"""What waiting rooms sign: queue tickets, which keep a customer's place, and admissions; and the lots that they draw.

All are HMAC-SHA256 with keys derived from JWT_SECRET. A ticket and an admission are of one customer and one showtime,
so others cannot use them. A lot is computed, not stored: it is the same whenever a customer asks, so neither a second
request nor a loss of Redis draws a better one. Its owner must not know it before the sale: of many accounts, those with
bad lots would be left. So a ticket says only that the place is the lot, which is that of the secret that signed it.
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
OWN_LOT = -1  # in a ticket; also a lot, but one of 2**52
MAX_CHARS = 100


class PassSigner:
    """Signs with the first of the secrets, and verifies with all."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [_derived(secret, b"reservation: signs waiting room passes") for secret in secrets]
        self._lot_keys = [_derived(secret, b"reservation: draws waiting room lots") for secret in secrets]

    def lot(self, showtime_id: int, user_id: int) -> int:
        """The lot of a customer, from -2**52 to -1; the least is the first."""
        return _lot(self._lot_keys[0], showtime_id, user_id)

    def ticket(self, showtime_id: int, user_id: int, place: int) -> str:
        """A queue ticket: the place is a lot, or the time of joining in microseconds since 1970."""
        for key, lot_key in zip(self._keys, self._lot_keys, strict=True) if place < 0 else ():
            if place == _lot(lot_key, showtime_id, user_id):
                return _signed(key, TICKET, showtime_id, user_id, OWN_LOT)
        return _signed(self._keys[0], TICKET, showtime_id, user_id, place)

    def place_of(self, ticket: str, showtime_id: int, user_id: int) -> int | None:
        """The place that a ticket keeps; None if it is not one of this customer and showtime."""
        number, signer = self._verified(TICKET, ticket, showtime_id, user_id)
        return number if number != OWN_LOT else _lot(self._lot_keys[signer], showtime_id, user_id)

    def admission(self, showtime_id: int, user_id: int, ends_us: int) -> str:
        """An admission until a time in microseconds since 1970."""
        return _signed(self._keys[0], ADMISSION, showtime_id, user_id, ends_us)

    def admits(self, admission: str, showtime_id: int, user_id: int) -> bool:
        """Whether it is an admission of this customer to this showtime that has not ended."""
        ends_us, _ = self._verified(ADMISSION, admission, showtime_id, user_id)
        return ends_us is not None and time() < ends_us / 1_000_000

    def _verified(self, kind: bytes, text: str, showtime_id: int, user_id: int) -> tuple[int | None, int]:
        """The number of a pass of this kind, customer and showtime, or None; and which of the secrets signed it."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= MAX_CHARS else b""
            content, tag = raw[: LAYOUT.size], raw[LAYOUT.size :]
            of_kind, of_showtime, of_user, number = LAYOUT.unpack(content)
        except (binascii.Error, struct.error, ValueError):
            return None, 0
        signers = [place for place, key in enumerate(self._keys) if hmac.compare_digest(_tag(key, content), tag)]
        is_own = (of_kind, of_showtime, of_user) == (kind, showtime_id, user_id)
        return (int(number), signers[0]) if signers and is_own else (None, 0)


def _derived(secret: str, purpose: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose, "sha256")


def _lot(key: bytes, showtime_id: int, user_id: int) -> int:
    drawn = hmac.digest(key, struct.pack(">qq", showtime_id, user_id), "sha256")
    return (int.from_bytes(drawn[:8]) >> (64 - LOT_BITS)) - (1 << LOT_BITS)


def _signed(key: bytes, kind: bytes, showtime_id: int, user_id: int, number: int) -> str:
    content = LAYOUT.pack(kind, showtime_id, user_id, number)
    return base64.urlsafe_b64encode(content + _tag(key, content)).decode().rstrip("=")


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:TAG_BYTES]
