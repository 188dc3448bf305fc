"""How an API key reads: `rsv_`, 43 random characters, and 6 that prove it was copied whole."""

import re
import secrets
from enum import StrEnum
from hashlib import sha256
from string import ascii_letters, digits
from zlib import crc32

START = "rsv_"  # no access token begins like this: a JWT begins with the "{" of its header, which is "ey"
ALPHABET = digits + ascii_letters  # no sign on which a double click would stop
RANDOM_CHARS = 43  # of 62 each: 256 bits
CHECK_CHARS = 6
PREFIX_CHARS = 12  # shown in lists; 35 random characters, 208 bits, stay secret
SHAPE = re.compile(rf"{START}[0-9A-Za-z]{{{RANDOM_CHARS + CHECK_CHARS}}}", re.ASCII)


class Scope(StrEnum):
    """What a key may be used for."""

    CATALOGUE = "catalogue"
    BOOKING = "booking"
    REPORTS = "reports"


def new_key() -> str:
    """A key that nobody has."""
    body = START + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))
    return body + _check(body)


def is_whole(key: str) -> bool:
    """Whether this can be a key; a typing error is found here, without a look-up."""
    return SHAPE.fullmatch(key) is not None and key[-CHECK_CHARS:] == _check(key[:-CHECK_CHARS])


def hash_of(key: str) -> bytes:
    """What is kept of a key.

    Plain SHA-256: with 256 random bits there is nothing to guess, however cheap a guess is. Slow hashes such as Argon2
    protect passwords, which people choose, and would take some 50 ms of every request.
    """
    return sha256(key.encode(errors="surrogateescape")).digest()


def _check(body: str) -> str:
    """CRC-32 in the key's own alphabet: it keeps no secret, and takes none to verify, for those who scan for leaks."""
    rest, made = crc32(body.encode()), ""
    for _ in range(CHECK_CHARS):
        rest, digit = divmod(rest, len(ALPHABET))
        made = ALPHABET[digit] + made
    return made
