"""Text that people type: normalised, without outer white space and control characters, as the document says."""

import re
import sys
from typing import Any
from unicodedata import category, normalize

import pytest
from marshmallow import ValidationError

from reservation.http.openapi.schemas import typed_text
from reservation.runtime.fields import Text, VerbatimText

COMPOSED, DECOMPOSED = "Am\u00e9lie", "Ame\u0301lie"


def loads(field: Any, text: str) -> bool:
    try:
        field.deserialize(text)
    except ValidationError:
        return False
    return True


def test_text_is_loaded_composed_and_without_white_space_around_it() -> None:
    assert Text(7).deserialize(DECOMPOSED) == COMPOSED
    assert Text(20).deserialize(f"\u00a0\t {DECOMPOSED}\u3000\n") == COMPOSED
    assert Text(20).deserialize("Jules  et Jim") == "Jules  et Jim"


def test_text_keeps_what_only_compatibility_forms_change() -> None:
    assert Text(20).deserialize("Alien\u00b3 \uff26") == "Alien\u00b3 \uff26"


def test_the_length_is_limited_as_typed_and_as_stored() -> None:
    assert Text(100).deserialize("\u1ead" * 100) == "\u1ead" * 100
    for too_long in ("\u1ead" * 101, normalize("NFD", "\u1ead" * 100), "a" + " " * 100, "\ufb2c" * 40):
        assert not loads(Text(100), too_long)


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "\x01"])
def test_control_characters_in_a_line_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="Control characters"):
        Text(20).deserialize(text)


def test_text_of_several_lines_has_tabs_and_line_feeds() -> None:
    assert Text(20, lines=True).deserialize("a\r\n\tb\rc\n\n") == "a\n\tb\nc"
    assert not loads(Text(20, lines=True), "a\x1bb")


def test_verbatim_text_stays_as_it_is() -> None:
    assert VerbatimText(20).deserialize(f" {DECOMPOSED}\n") == f" {DECOMPOSED}\n"


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("blank", [False, True])
def test_the_documented_pattern_agrees_with_the_field(lines: bool, blank: bool) -> None:
    pattern = re.compile(typed_text(lines=lines, may_be_blank=blank))
    field = Text(20, lines=lines, blank=blank)
    special = [chr(code) for code in range(sys.maxunicode + 1) if category(chr(code)) in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    for each in [*special, "a", "\u00e9"]:
        for text in (each, f"{each}a", f"a{each}", f"a{each}b", f" {each} a\n"):
            assert (pattern.search(text) is not None) is loads(field, text), repr(text)
