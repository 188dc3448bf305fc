"""The languages that a client asks for."""

from collections.abc import Sequence

from babel import Locale

from ...runtime.locale_formats import parse_locale

MAX_HEADER_CHARS = 200


def accepted_locales(header: str) -> Sequence[Locale]:
    """The locales of an Accept-Language header, the most wanted first."""
    tags = _by_weight(header[:MAX_HEADER_CHARS])
    return [locale for locale in map(parse_locale, tags) if locale is not None]


def _by_weight(accepted: str) -> list[str]:
    """The language tags of Accept-Language, the most wanted first."""
    weighted: list[tuple[float, str]] = []
    for item in accepted.split(","):
        tag, _, weight = item.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighted, key=lambda each: each[0]) if weight]
