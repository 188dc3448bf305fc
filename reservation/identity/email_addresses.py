"""E-mail addresses as people type them.

They are stored and shown as typed. PostgreSQL compares them by its function fold_email, in which case and the form of
an international domain do not matter: a unique index refuses a second account in any spelling.
"""

import re
from unicodedata import category

MAX_EMAIL_CHARS = 254
# A local part, an @, and a domain with a dot, in any script. JSON Schema has no suitable `format`: `email` allows ASCII
# only, and `idn-email` depends on a version of Unicode.
# INVISIBLE: characters that show nothing, or change the direction of the text: with them, two addresses look the same.
INVISIBLE = (
    r"\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
LABEL = rf"[^\u0000-\u002c\u002e\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a0\s{INVISIBLE}]"
ADDRESS = rf'[^\u0000-\u0020\u007f-\u00a0\s@"(),:;<>\[\\\]{INVISIBLE}]+@({LABEL}+\.)+{LABEL}{{2,}}'
FURTHER_INVISIBLE = range(0xE0000, 0xE1000)  # tags and variation selectors; the pattern of a schema cannot name them


def has_further_invisible(address: str) -> bool:
    """Whether it has an invisible character that ADDRESS does not refuse: a tag, or another format character."""
    return any(ord(each) in FURTHER_INVISIBLE or category(each) == "Cf" for each in address)


def typed_address(text: str) -> str | None:
    """An e-mail address from the command line or the settings as a sign-up would store it; None if it is none."""
    address = text.strip()
    is_address = len(address) <= MAX_EMAIL_CHARS and re.fullmatch(ADDRESS, address) is not None
    return address if is_address and not has_further_invisible(address) else None
