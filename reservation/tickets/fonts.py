"""Fonts of printed tickets: text in any script as runs of a font each, measured and broken into lines.

Latin, Greek, Cyrillic and Devanagari characters are embedded (Noto Sans). Chinese, Japanese and Korean ones are in the
fonts of the program that shows or prints the PDF. Any other character is an empty box.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

FOLDER = Path(__file__).parent / "fonts"
REGULAR, BOLD = "NotoSans-Regular", "NotoSans-Bold"
KOREAN, JAPANESE, CHINESE = "HYSMyeongJo-Medium", "HeiseiKakuGo-W5", "STSong-Light"
WIDE = (("\u1100", "\u11ff"), ("\u2e80", "\ud7ff"), ("\uf900", "\ufaff"), ("\ufe30", "\ufe4f"), ("\uff00", "\uffef"))
ELLIPSIS = "…"


class Run(NamedTuple):
    """Characters of one font."""

    font: str
    text: str

    def width(self, size: float) -> float:
        """How wide it is, in points."""
        return float(pdfmetrics.stringWidth(self.text, self.font, size))


def runs(text: str, font: str) -> Sequence[Run]:
    """A text as runs, of the font where it has the characters."""
    others = _fonts_of_other_scripts(text)
    return [
        Run(name, "".join(characters))
        for name, characters in groupby(text, lambda each: others if _is_wide(each) else font)
    ]


def width(text: str, font: str, size: float) -> float:
    """How wide a text is, in points."""
    return sum(run.width(size) for run in runs(text, font))


def fitted(text: str, font: str, sizes: Sequence[float], most_width: float, most_lines: int) -> tuple[float, list[str]]:
    """The largest of the sizes at which a text fits into so many lines, and the lines; cut at the last size."""
    for size in sizes:
        lines = _lines(text, font, size, most_width)
        if len(lines) <= most_lines:
            return size, lines
    last = lines[most_lines - 1]
    while last and width(last + ELLIPSIS, font, size) > most_width:
        last = last[:-1]
    return size, [*lines[: most_lines - 1], last.rstrip() + ELLIPSIS]


def _lines(text: str, font: str, size: float, most_width: float) -> list[str]:
    lines = [""]
    for piece in _pieces(text, font, size, most_width):
        joined = lines[-1] + piece
        if not lines[-1].strip() or width(joined.rstrip(), font, size) <= most_width:
            lines[-1] = joined.lstrip()
        else:
            lines[-1] = lines[-1].rstrip()
            lines.append(piece.lstrip())
    return lines


def _pieces(text: str, font: str, size: float, most_width: float) -> Iterator[str]:
    """What a line may end after: words with the space behind them, and each character of what has no spaces."""
    for word in text.split(" "):
        if width(word, font, size) <= most_width and not any(map(_is_wide, word)):
            yield word + " "
        else:
            yield from word[:-1]
            yield word[-1:] + " "


def _is_wide(character: str) -> bool:
    """Whether it is a Chinese, Japanese or Korean character, or of their punctuation."""
    return any(first <= character <= last for first, last in WIDE)


def _fonts_of_other_scripts(text: str) -> str:
    """The font for the wide characters of a text: Japanese if it has kana, Korean if it has hangul, else Chinese."""
    if any("\u3040" <= each <= "\u30ff" for each in text):
        return JAPANESE
    return KOREAN if any("\uac00" <= each <= "\ud7a3" for each in text) else CHINESE


@cache
def register() -> None:
    """Make the fonts known to ReportLab, once in a process."""
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, FOLDER / f"{name}.ttf"))
    for name in (KOREAN, JAPANESE, CHINESE):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
