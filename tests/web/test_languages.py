"""The pages in the reader's language."""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from zxcvbn import feedback

import reservation.web
from reservation.web.texts.languages import CATALOGUES, NAMES, SENTENCE_END, translations
from tests.api import Api
from tests.web.visitor import visitor_of

WEB = Path(reservation.web.__file__).parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
OTHERS = [code for code in NAMES if code != "en"]


@cache
def messages() -> Sequence[str | tuple[str, ...]]:
    """All messages of the source; a tuple for singular and plural."""
    options = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
    return [message for _, _, message, _, _ in extract_from_dir(WEB, method_map=METHODS, options_map=options)]


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated(code: str) -> None:
    known = translations(code)
    missing = []
    for message in messages():
        singular, *plurals = (message,) if isinstance(message, str) else message
        translated = known.ngettext(singular, plurals[0], 5) if plurals else known.gettext(singular)
        catalogued = (singular, 0) if plurals else singular
        if not _has(known, catalogued):
            missing.append(singular)
        assert set(PLACEHOLDER.findall(translated)) == set(PLACEHOLDER.findall(plurals[0] if plurals else singular))
    assert missing == []


def _has(catalogue: object, key: object) -> bool:
    while catalogue is not None:
        if key in getattr(catalogue, "_catalog", {}):
            return True
        catalogue = getattr(catalogue, "_fallback", None)
    return False


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_is_empty_or_of_a_message_that_is_gone(code: str) -> None:
    used = {message if isinstance(message, str) else message[0] for message in messages()}
    for path in (CATALOGUES / code).glob("*.po"):
        with path.open("rb") as source:
            for message in read_po(source, locale=code, abort_invalid=True):
                if message.id:
                    identity = message.id if isinstance(message.id, str) else message.id[0]
                    assert identity in used or identity in API_MESSAGES, f"{path.name}: {identity}"
                    assert all(message.string if isinstance(message.string, tuple) else (message.string,)), identity


def _sentences_of_zxcvbn() -> Iterator[str]:
    texts = [each.value for each in ast.walk(ast.parse(inspect.getsource(feedback))) if isinstance(each, ast.Constant)]
    for text in texts:
        if isinstance(text, str) and text.endswith("."):
            yield from SENTENCE_END.split(text)


REASONS_OF_PASSWORDS = {"This password is easy to guess.", *_sentences_of_zxcvbn()}


@pytest.mark.parametrize("code", OTHERS)
def test_every_reason_why_a_password_is_easy_to_guess_is_translated(code: str) -> None:
    assert len(REASONS_OF_PASSWORDS) > 20
    assert {each for each in REASONS_OF_PASSWORDS if not _has(translations(code), each)} == set()


# Of the API's validation, which the pages show at the field that is wrong.
API_MESSAGES = {
    *REASONS_OF_PASSWORDS,
    "Missing data for required field.",
    "Control characters are not allowed.",
    "Shorter than minimum length 1.",
    "Shorter than minimum length 6.",
    "Shorter than minimum length 8.",
    "Longer than maximum length 128.",
    "Longer than maximum length 200.",
    "Not a valid email address.",
    "Not a valid integer.",
    "Not a valid URL.",
    "Field may not be null.",
    "Must not be blank.",
    "Must be a JSON object.",
    "Must be a language tag such as en.",
    "There is no such time zone in the IANA database.",
    "Must be one to three capital letters, such as A or AB.",
    "Must be greater than or equal to 1 and less than or equal to 1440.",
    "Must be greater than or equal to 1 and less than or equal to 10000.",
    "Must be greater than or equal to 0 and less than or equal to 1000000.",
    'Must be a decimal such as "12.50".',
    "Must not have more than two decimal places.",
    "Must begin with https://, unless its host is in a network of WEBHOOK_ALLOWED_NETWORKS.",
    "Give either price_factor or fixed_price.",
}


async def test_the_language_is_that_of_the_browser_until_the_switch_is_used(api: Api) -> None:
    visitor = await visitor_of(api)
    visitor.headers["Accept-Language"] = "fr;q=0.9, de-AT;q=0.8, en;q=0.5"
    page = await visitor.open("/")
    assert (page.headers["Content-Language"], page.heading) == ("de", "Programm")
    await visitor.submit("/language", language="en")
    assert visitor.page.headers["Content-Language"] == "en"
    assert (await visitor.open("/sign-in")).heading == "Sign in"
