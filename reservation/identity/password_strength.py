"""Whether a password is easy to guess, as zxcvbn estimates it from dictionaries, names, dates and patterns."""

import re
import threading
from collections.abc import Sequence
from unicodedata import normalize

from zxcvbn import zxcvbn

LOWEST_SCORE = 2  # of 0 to 4: a million guesses or more
# zxcvbn tries each combination of these symbols as letters (4 for A). A text of 72 characters with all of them takes
# 3 s; one of 36 characters with 10 of them up to 40 ms, during which it keeps the GIL.
MAX_CHARS = 36
MAX_SYMBOLS = 10
SYMBOLS = frozenset("4@8({[<369&#!1/|0$5+7%2")

_lock = threading.Lock()  # zxcvbn keeps the words of the person in a global variable


def why_weak(password: str, personal: Sequence[str]) -> str | None:
    """Why a password is easy to guess, for its owner; None if it is not. Takes up to 40 ms of CPU.

    `personal` are texts that an attacker tries first, such as the name and the e-mail address.
    """
    with _lock:
        estimate = zxcvbn(_beginning(normalize("NFKC", password)), user_inputs=_words(personal))
    if estimate["score"] >= LOWEST_SCORE:
        return None
    feedback = estimate["feedback"]
    return " ".join(["This password is easy to guess.", feedback["warning"] or "", *feedback["suggestions"]]).replace(
        "  ", " "
    )


def _beginning(password: str) -> str:
    """The part of a password that is judged: up to MAX_CHARS characters with up to MAX_SYMBOLS different symbols."""
    symbols: set[str] = set()
    for position, character in enumerate(password[:MAX_CHARS]):
        symbols |= SYMBOLS & {character}
        if len(symbols) > MAX_SYMBOLS:
            return password[:position]
    return password[:MAX_CHARS]


def _words(personal: Sequence[str]) -> list[str]:
    """The texts and their parts, each as far as a password is judged."""
    parts = [text for whole in personal for text in (whole, *whole.split("@"), *re.split(r"[\W_]+", whole))]
    return list(dict.fromkeys(part[:MAX_CHARS].lower() for part in parts if part))
