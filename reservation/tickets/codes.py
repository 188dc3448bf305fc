"""Codes of tickets, for people: 10 characters of Crockford's base32, which has no I, L, O and U: 50 random bits."""

import re
import secrets
from collections.abc import Sequence
from unicodedata import normalize

from ..errors import Invalid

CODE_CHARS = 10
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Letters that are read as digits, and what people write between the characters; dashes of other kinds are in DASHES.
MISREAD = str.maketrans("OIL", "011", "- ")
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
NO_CODE = f"Must be the {CODE_CHARS} characters of a ticket's code, or the content of its QR code."
CODE = re.compile(rf"[{DIGITS}]{{{CODE_CHARS}}}")


def new_codes(count: int) -> Sequence[str]:
    """Codes for new tickets; PostgreSQL's unique index decides whether one is taken."""
    return ["".join(secrets.choice(DIGITS) for _ in range(CODE_CHARS)) for _ in range(count)]


def typed_code(text: str) -> str:
    """A code as people type it: in any case, with hyphens or spaces, O for 0, and I or L for 1; raises Invalid."""
    code = normalize("NFKC", text).translate(DASHES).upper().translate(MISREAD)
    if not CODE.fullmatch(code):
        raise Invalid(
            "/code", f"Must be the {CODE_CHARS} characters of a ticket's code, or the content of its QR code."
        )
    return code


def grouped(code: str) -> str:
    """A code as it is printed: in two groups."""
    return f"{code[: CODE_CHARS // 2]}-{code[CODE_CHARS // 2 :]}"
