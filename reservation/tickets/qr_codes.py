"""QR codes, as images and as the squares that a PDF draws."""

from collections.abc import Iterator
from io import BytesIO

import segno

BORDER = 4  # modules of white around it, which the standard requires
ERROR_LEVEL = "m"  # up to 15 % of it may be unreadable: a crease, or a thumb


def qr_svg(payload: str) -> bytes:
    """An image of a QR code that fills the size it is shown at, black on white in any color scheme."""
    written = BytesIO()
    code = segno.make_qr(payload, error=ERROR_LEVEL)
    code.save(written, kind="svg", border=BORDER, dark="#000", light="#fff", omitsize=True, xmldecl=False, nl=False)
    return written.getvalue()


def dark_runs(payload: str) -> tuple[int, Iterator[tuple[int, int, int]]]:
    """The modules of a side without border, and the dark ones as runs: column, row from the top, length."""
    matrix = segno.make_qr(payload, error=ERROR_LEVEL).matrix
    return len(matrix), _runs(matrix)


def _runs(matrix: tuple[bytearray, ...]) -> Iterator[tuple[int, int, int]]:
    for row, modules in enumerate(matrix):
        column = 0
        while column < len(modules):
            length = 1
            while column + length < len(modules) and modules[column + length] == modules[column]:
                length += 1
            if modules[column]:
                yield column, row, length
            column += length
