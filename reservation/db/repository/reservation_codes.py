"""Codes of reservations, for people: 8 characters of Crockford's base32, which has no I, L, O and U.

Codes that are made within PERIOD_S begin with the same two characters, so that holds of that time change a few pages
of the unique index, which stay in the cache. Random codes change a page each, and PostgreSQL writes each page to the
WAL as a whole after a checkpoint. The two characters come again after 68 minutes; so codes spread over the whole index,
and one is as rarely taken as a random code.
"""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from time import time

PERIOD_S = 4
_CODE_CHARS = 8
_CODE_BYTES = 5
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _DIGITS.encode())


def new_codes(count: int) -> Sequence[str]:
    """Codes for holds that are made now; PostgreSQL's unique index decides whether one is taken."""
    start = start_of_codes(int(time()))
    numbers = memoryview(secrets.token_bytes(4 * count)).cast("I")
    return [start + _PAIRS[it & 1023] + _PAIRS[it >> 10 & 1023] + _PAIRS[it >> 20 & 1023] for it in numbers]


def random_codes(count: int) -> Sequence[str]:
    """Codes of 40 random bits each, for many reservations at once."""
    text = b32encode(secrets.token_bytes(_CODE_BYTES * count)).translate(_TO_CROCKFORD).decode()
    return [text[start : start + _CODE_CHARS] for start in range(0, _CODE_CHARS * count, _CODE_CHARS)]


def start_of_codes(unix_s: int) -> str:
    """The first two characters of the codes that are made at a time."""
    high, low = divmod(unix_s // PERIOD_S, len(_DIGITS))
    return _DIGITS[high % len(_DIGITS)] + _DIGITS[low]
