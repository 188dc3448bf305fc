"""The text of generated posters: titles in any script, wrapped so that they fit whatever font the browser has."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import escape

# Advance widths of Helvetica Bold, in thousandths of the font size; Arial and Liberation Sans have the same.
_WIDTHS = {
    width: frozenset(chars)
    for width, chars in (
        (250, "'ijlI|"),
        (278, " .,ft/()[]!:;·"),
        (333, '-r"`°'),
        (556, "aceksvxyzJ0123456789$?\u2013"),
        (611, "bdghnopquFLTZ"),
        (667, "EPSVXY"),
        (722, "ABCDHKNRU&w"),
        (778, "GOQ"),
        (889, "mMW%@"),
        (1000, "—…"),
    )
}
WIDTH = {char: width / 1000 for width, chars in _WIDTHS.items() for char in chars}
# XML 1.0 has no control characters, surrogates, and none of these two.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SIZES = (76, 68, 60, 53, 47, 42, 37, 33, 29, 26, 23)
MAX_CHARS = 120
SIMPLE = re.compile("[\0-\u024f\u2010-\u2026]*")  # Latin letters and dashes, which no font joins


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text of one size, and the width of each in the poster's units, by Helvetica's metrics."""

    lines: list[str]
    size: int
    widths: list[float]

    @property
    def height(self) -> float:
        """From the top of the first line to the bottom of the last."""
        return len(self.lines) * self.line_height

    @property
    def line_height(self) -> float:
        """The distance of two lines."""
        return self.size * 1.06


def clean(text: str) -> str:
    """A text as XML can have it, on one line, and not endless."""
    text = " ".join(NOT_XML.sub(" ", text).split())
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 1].rstrip() + "…"


def fitted(text: str, *, width: float, height: float) -> Block:
    """The text in the largest size whose lines fit; in the smallest one, what does not fit is left out."""
    for size in SIZES:
        lines = _balanced(text, width / size)
        if lines is not None and len(lines) * size * 1.06 <= height:
            return Block(lines, size, [measure(line) * size for line in lines])
    size = SIZES[-1]
    lines = _wrapped(text, width / size, may_break=True) or [""]
    most = int(height / (size * 1.06))
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-1] + "…"]
    return Block(lines, size, [measure(line) * size for line in lines])


def shortened(text: str, *, width: float, spacing: float) -> str:
    """The text on one line of a width at size 1, with so much space between letters; what does not fit is left out."""
    used = 0.0
    for index, char in enumerate(text):
        used += _advance(char) + spacing
        if used > width:
            return text[: max(index - 1, 0)].rstrip(" ,") + "…"
    return text


def svg_lines(block: Block, *, left: float, right: float, top: float, centred: bool) -> Iterator[str]:
    """A text element for each line, between two edges."""
    for number, (line, width) in enumerate(zip(block.lines, block.widths, strict=True)):
        y = top + block.line_height * number + block.size * 0.86
        is_rtl = is_right_to_left(line)
        x = (left + right) / 2 if centred else right if is_rtl else left
        attributes = f'x="{x:g}" y="{y:.0f}"'
        if is_rtl:
            attributes += ' direction="rtl"'
        if SIMPLE.fullmatch(line):  # another font than the measured one is made as wide as that
            attributes += f' textLength="{width:.0f}" lengthAdjust="spacingAndGlyphs"'
        yield f"<text {attributes}>{escape(line)}</text>"


def measure(text: str) -> float:
    """The width of a text at size 1."""
    return sum(map(_advance, text))


def is_right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction is Hebrew, Arabic or of another script from right to left."""
    for char in text:
        direction = unicodedata.bidirectional(char)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _advance(char: str) -> float:
    if char in WIDTH:
        return WIDTH[char]
    if unicodedata.combining(char):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.02
    base = unicodedata.normalize("NFD", char)[0]
    return WIDTH.get(base, 0.75)


def _balanced(text: str, width: float) -> list[str] | None:
    """Lines of similar width, as few as possible; None if a word is too wide."""
    lines = _wrapped(text, width)
    if lines is None or len(lines) == 1:
        return lines
    for narrower in (0.6, 0.7, 0.8, 0.9):
        tried = _wrapped(text, width * narrower)
        if tried is not None and len(tried) == len(lines):
            return tried
    return lines


def _wrapped(text: str, width: float, *, may_break: bool = False) -> list[str] | None:
    lines, line, used = [], "", 0.0
    for piece in _pieces(text, width if may_break else None):
        advance = measure(piece.rstrip())
        if line and used + advance > width:
            lines.append(line.rstrip())
            line, used = "", 0.0
        if advance > width:
            return None
        line, used = line + piece, used + measure(piece)
    return [*lines, line.rstrip()]


def _pieces(text: str, width: float | None) -> Iterator[str]:
    """What stays on one line: a word with the space after it, or a wide character; words over `width` are cut."""
    for word in re.findall(r"\S+\s*", text):
        start, used = 0, 0.0
        for index, char in enumerate(word):
            advance = _advance(char)
            is_wide = unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char) == "Lo"
            is_full = width is not None and not char.isspace() and used + advance > width
            if index > start and (is_wide or is_full):
                yield word[start:index]
                start, used = index, 0.0
            used += advance
        yield word[start:]
