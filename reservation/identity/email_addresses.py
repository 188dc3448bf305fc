"""E-mail addresses as people type them.

They are stored and shown as typed. PostgreSQL compares them by its function fold_email, in which case and the form of
an international domain do not matter: a unique index refuses a second account in any spelling.
"""

import re

MAX_EMAIL_CHARS = 254
# A local part, an @, and a domain with a dot, in any script. JSON Schema has no suitable `format`: `email` allows ASCII
# only, and `idn-email` depends on a version of Unicode.
LABEL = r"[^\u0000-\u002c\u002e\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a0\s]"
ADDRESS = rf'[^\u0000-\u0020\u007f-\u00a0\s@"(),:;<>\[\\\]]+@({LABEL}+\.)+{LABEL}{{2,}}'


def typed_address(text: str) -> str | None:
    """An e-mail address from the command line or the settings as a sign-up would store it; None if it is none."""
    address = text.strip()
    return address if len(address) <= MAX_EMAIL_CHARS and re.fullmatch(ADDRESS, address) else None
