"""Codes of reservations, for people: 8 characters of Crockford's base32, which has no I, L, O and U."""

import secrets
from base64 import b32encode
from collections.abc import Sequence

_CODE_CHARS = 8
_CODE_BYTES = 5
_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def new_codes(count: int) -> Sequence[str]:
    """New codes of 40 random bits each; PostgreSQL's unique index decides whether one is taken."""
    text = b32encode(secrets.token_bytes(_CODE_BYTES * count)).translate(_TO_CROCKFORD).decode()
    return [text[start : start + _CODE_CHARS] for start in range(0, _CODE_CHARS * count, _CODE_CHARS)]
