"""The format of API keys: `rsv_`, 43 random characters, and a checksum of 6."""

import re
import secrets
from enum import StrEnum
from hashlib import sha256
from string import ascii_letters, digits
from zlib import crc32

START = "rsv_"  # tells it from an access token: a JWT begins with "ey"
ALPHABET = digits + ascii_letters  # no punctuation, so that a double click selects the whole key
RANDOM_CHARS = 43  # of 62 each: 256 bits
CHECK_CHARS = 6
PREFIX_CHARS = 12  # shown in lists; 35 random characters, 208 bits, remain secret
SHAPE = re.compile(rf"{START}[0-9A-Za-z]{{{RANDOM_CHARS + CHECK_CHARS}}}", re.ASCII)


class Scope(StrEnum):
    """What an API key may be used for."""

    CATALOGUE = "catalogue"
    BOOKING = "booking"
    REPORTS = "reports"
    CHECK_IN = "check_in"


def new_key() -> str:
    """A new random key."""
    body = START + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))
    return body + _check(body)


def is_whole(key: str) -> bool:
    """Whether the format and the checksum are right; finds typing errors without a look-up."""
    return SHAPE.fullmatch(key) is not None and key[-CHECK_CHARS:] == _check(key[:-CHECK_CHARS])


def hash_of(key: str) -> bytes:
    """The SHA-256 of a key, which is stored in its place.

    A slow hash such as Argon2 protects guessable passwords; a key of 256 random bits cannot be guessed.
    """
    return sha256(key.encode(errors="surrogateescape")).digest()


def _check(body: str) -> str:
    """CRC-32 in the key's alphabet; scanners for leaked keys can verify it, since it needs no secret."""
    rest, check = crc32(body.encode()), ""
    for _ in range(CHECK_CHARS):
        rest, digit = divmod(rest, len(ALPHABET))
        check = ALPHABET[digit] + check
    return check
