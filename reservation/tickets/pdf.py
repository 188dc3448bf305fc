"""Tickets as PDF: three to an A4 page, to be cut out, or one to a page of the size of a bank card."""

from collections.abc import Sequence
from io import BytesIO

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from .fonts import BOLD, REGULAR, fitted, register, runs, width
from .printed import PrintedTicket, text_of
from .qr_codes import BORDER, dark_runs

WALLET = (85.6 * mm, 54 * mm)  # ISO/IEC 7810 ID-1
PER_PAGE = 3
MARGIN = 15 * mm
CARD = (A4[0] - 2 * MARGIN, 84 * mm)
GAP = 7.5 * mm
STUB = 60 * mm  # the part with the QR code
INK, GREY, LINE = HexColor(0x16181D), HexColor(0x5A6070), HexColor(0xB9BEC9)


def a4_pdf(tickets: Sequence[PrintedTicket]) -> bytes:
    """Three tickets to a page, each in a frame."""
    canvas, written = _canvas(tickets, A4)
    for number, ticket in enumerate(tickets):
        place = number % PER_PAGE
        if place == 0 and number:
            canvas.showPage()
        canvas.saveState()
        canvas.translate(MARGIN, A4[1] - MARGIN - (place + 1) * CARD[1] - place * GAP)
        _card(canvas, ticket)
        canvas.restoreState()
    canvas.showPage()
    canvas.save()
    return written.getvalue()


def wallet_pdf(tickets: Sequence[PrintedTicket]) -> bytes:
    """One ticket to a page, of the size of a bank card."""
    canvas, written = _canvas(tickets, WALLET)
    for ticket in tickets:
        _wallet_page(canvas, ticket)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _canvas(tickets: Sequence[PrintedTicket], size: tuple[float, float]) -> tuple[Canvas, BytesIO]:
    register()
    written, first = BytesIO(), tickets[0]
    canvas = Canvas(written, pagesize=size, pageCompression=1, invariant=1, lang=first.language)
    canvas.setTitle(f"{text_of('title', first.language)}: {first.film}")
    canvas.setAuthor(first.heading)
    canvas.setSubject(f"{first.day}, {first.clock}")
    return canvas, written


def _card(canvas: Canvas, ticket: PrintedTicket) -> None:
    wide, high = CARD
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.8)
    canvas.roundRect(0, 0, wide, high, 4 * mm)
    canvas.setDash(1.5, 2.5)
    canvas.line(wide - STUB, 4 * mm, wide - STUB, high - 4 * mm)
    canvas.setDash()
    left, room = 8 * mm, wide - STUB - 16 * mm
    _write(canvas, left, high - 12 * mm, ticket.heading, REGULAR, 9, GREY, room)
    size, lines = fitted(ticket.film, BOLD, (22, 19, 16, 14), room, 2)
    y = high - 14 * mm - size
    for line in lines:
        _write(canvas, left, y, line, BOLD, size, INK)
        y -= 1.18 * size
    y = max(min(y, high - 34 * mm), high - 38.5 * mm)
    _write(canvas, left, y, ticket.day, REGULAR, 11.5, INK, room)
    _write(canvas, left, y - 8.5 * mm, ticket.clock, BOLD, 17, INK)
    beside = width(ticket.clock, BOLD, 17) + 5 * mm
    _write(canvas, left + beside, y - 8.5 * mm, ticket.version, REGULAR, 10, INK, room - beside)
    _write(canvas, left, y - 15.5 * mm, ticket.place, REGULAR, 11.5, INK, room)
    _write(canvas, left, y - 20.5 * mm, ticket.address, REGULAR, 9, GREY, room)
    columns = (0, 22 * mm, 44 * mm, 82 * mm)
    for (name, value), column, until in zip(ticket.facts, columns, (*columns[1:], room + 4 * mm), strict=True):
        _write(canvas, left + column, 18 * mm, name, REGULAR, 8, GREY)
        size, [line] = fitted(value, BOLD, (15, 12, 10, 8), until - column - 2 * mm, 1)
        _write(canvas, left + column, 10.5 * mm, line, BOLD, size, INK)
    _write(canvas, left, 5 * mm, ticket.reservation, REGULAR, 7.5, GREY, room)
    side = 48 * mm
    middle = wide - STUB / 2
    _draw_qr(canvas, ticket.qr_payload, middle - side / 2, high - 6 * mm - side, side)
    _centered(canvas, middle, high - 12.5 * mm - side, ticket.code, BOLD, 14, INK)
    size, lines = fitted(ticket.advice, REGULAR, (7.5, 6.5), STUB - 12 * mm, 3)
    for place, line in enumerate(lines):
        _centered(canvas, middle, high - 18.5 * mm - side - place * 1.25 * size, line, REGULAR, size, GREY)


def _wallet_page(canvas: Canvas, ticket: PrintedTicket) -> None:
    wide, high = WALLET
    side, left = 43 * mm, 4 * mm
    room = wide - side - left - 2 * mm  # beside the white border of the QR code
    _write(canvas, left, high - 7 * mm, ticket.heading, REGULAR, 6.5, GREY, room)
    size, lines = fitted(ticket.film, BOLD, (12, 10.5, 9, 8), room, 2)
    y = high - 9 * mm - size
    for line in lines:
        _write(canvas, left, y, line, BOLD, size, INK)
        y -= 1.15 * size
    y = min(y, high - 21 * mm)
    _write(canvas, left, y, ticket.day, REGULAR, 7, INK, room)
    _write(canvas, left, y - 4.6 * mm, ticket.clock, BOLD, 11, INK)
    _write(canvas, left, y - 8.2 * mm, ticket.place, REGULAR, 7, INK, room)
    _write(canvas, left, y - 11 * mm, ticket.address, REGULAR, 5.5, GREY, room)
    _write(canvas, left, y - 13.6 * mm, ticket.version, REGULAR, 5.5, GREY, room)
    (row_name, row), (seat_name, seat), (_, kind), (_, price) = ticket.facts
    for column, name, value in ((0, row_name, row), (14 * mm, seat_name, seat)):
        _write(canvas, left + column, 14.6 * mm, name, REGULAR, 6, GREY)
        _write(canvas, left + column, 9.8 * mm, value, BOLD, 13, INK)
    _write(canvas, left, 6 * mm, f"{kind}, {price}", REGULAR, 7, INK, room)
    _write(canvas, left, 3 * mm, ticket.reservation, REGULAR, 5.5, GREY, room)
    middle = wide - 1 * mm - side / 2
    _draw_qr(canvas, ticket.qr_payload, middle - side / 2, high - 1.5 * mm - side, side)
    _centered(canvas, middle, 4 * mm, ticket.code, BOLD, 11, INK)


def _write(
    canvas: Canvas, x: float, y: float, text: str, font: str, size: float, color: Color, room: float | None = None
) -> None:
    """Write a line; with `room`, at a smaller size or cut if it is longer."""
    if room is not None:
        size, [text] = fitted(text, font, (size, 0.9 * size, 0.8 * size), room, 1)
    canvas.setFillColor(color)
    for run in runs(text, font):
        canvas.setFont(run.font, size)
        canvas.drawString(x, y, run.text)
        x += run.width(size)


def _centered(canvas: Canvas, x: float, y: float, text: str, font: str, size: float, color: Color) -> None:
    _write(canvas, x - width(text, font, size) / 2, y, text, font, size, color)


def _draw_qr(canvas: Canvas, payload: str, x: float, y: float, side: float) -> None:
    """A QR code in a square, with its white border; runs of modules overlap a little, so that no gap shows."""
    modules, dark = dark_runs(payload)
    unit = side / (modules + 2 * BORDER)
    canvas.setFillColor(INK)
    path = canvas.beginPath()
    for column, row, length in dark:
        path.rect(x + (column + BORDER) * unit, y + side - (row + 1 + BORDER) * unit, length * unit, unit * 1.02)
    canvas.drawPath(path, stroke=0, fill=1)
