"""The PDF of tickets, whose QR codes can be read, and the calendar entry."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pypdfium2
import pytest
import zxingcpp
from icalendar import Calendar

from reservation.errors import Overloaded, ReservationNotConfirmed
from reservation.http.app_keys import TICKETS
from reservation.tickets import rendering
from reservation.tickets.documents import ticket_documents
from reservation.tickets.rendering import Renderer
from tests.api import Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.tickets.sold import check_in, sell, tickets

STARTS_AT, ENDS_AT = "2032-07-09T18:30:00Z", "2032-07-09T20:30:00Z"
POINTS_A_MM = 72 / 25.4
QR_SCALE = 6


async def made(api: Api, title: str = "The Third Man", timezone: str = "Europe/Berlin") -> Cinema:
    """A film in a room of a cinema."""
    house = await api.make("/admin/cinemas", {"name": "Filmtheater", "timezone": timezone, "address": "1 Main Street"})
    room, seats = await api.auditorium(name="Saal 3", cinema_id=house["id"])
    film = await api.movie(title=title)
    show = await api.showtime(film, room, starts_at=STARTS_AT, ends_at=ENDS_AT)
    return Cinema(film, room, show, seats)


async def read(api: Api, who: Person, path: str) -> tuple[Any, bytes]:
    async with api.client.get(path, headers=who.headers) as response:
        assert response.status == 200, await response.text()
        return response.headers, await response.read()


def pages_of(pdf: bytes) -> Sequence[tuple[str, Sequence[str]]]:
    """The text of each page, and the contents of its QR codes from top to bottom."""
    document = pypdfium2.PdfDocument(pdf)
    found = []
    for page in document:
        image = page.render(scale=QR_SCALE, grayscale=True).to_pil()
        # Letters may look like codes of other kinds.
        read = [code for code in zxingcpp.read_barcodes(image) if code.format == zxingcpp.BarcodeFormat.QRCode]
        codes = sorted(read, key=lambda code: code.position.top_left.y)
        found.append((page.get_textpage().get_text_range(), [code.text for code in codes]))
    return found


async def test_a_pdf_has_three_tickets_to_a_page_and_their_codes_let_in(api: Api) -> None:
    cinema, person, staff = await made(api), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[5:9])
    expected = await tickets(api, person, reservation_id)

    headers, pdf = await read(api, person, f"/reservations/{reservation_id}/tickets.pdf")

    code = (await api.call("GET", f"/reservations/{reservation_id}", who=person)).json["code"]
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == f'inline; filename="tickets-{code}.pdf"'
    assert headers["Cache-Control"] == "private, no-store"
    (first, codes), (second, last) = pages_of(pdf)
    assert [*codes, *last] == [ticket["qr_payload"] for ticket in expected]
    for text in ("Cinema", "The Third Man", "Friday, July 9, 2032", "8:30", "Saal 3 · Filmtheater", "$10.00"):
        assert text in first
    for ticket in expected:
        printed = f"{ticket['code'][:5]}-{ticket['code'][5:]}"
        assert (printed in first) is (ticket is not expected[3])
        assert (printed in second) is (ticket is expected[3])
    assert (await check_in(api, staff, codes[0])).json["seat"] == expected[0]["seat"]


async def test_a_pdf_of_wallet_size_has_a_page_a_ticket(api: Api) -> None:
    cinema, person = await made(api), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    expected = await tickets(api, person, reservation_id)

    _, pdf = await read(api, person, f"/reservations/{reservation_id}/tickets.pdf?size=wallet")

    assert [codes for _, codes in pages_of(pdf)] == [[ticket["qr_payload"]] for ticket in expected]
    wide, high = pypdfium2.PdfDocument(pdf)[0].get_size()
    assert (round(wide / POINTS_A_MM, 1), round(high / POINTS_A_MM, 1)) == (85.6, 54.0)


async def test_a_pdf_is_in_the_language_asked_for(start_api: StartApi) -> None:
    api = await start_api(CURRENCY="EUR", SITE_NAME="Filmtheater am Markt")
    cinema, person = await made(api), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])

    _, pdf = await read(api, person, f"/reservations/{reservation_id}/tickets.pdf?language=de")

    [(text, _)] = pages_of(pdf)
    for part in ("Filmtheater am Markt", "Freitag, 9. Juli 2032", "20:30", "Reihe", "Platz", "10,00", "Einlass"):
        assert part in text


@pytest.mark.parametrize(
    ("tag", "day", "clock", "language"),
    [
        ("en", "Friday, July 9, 2032", "8:30", "3D, French (German subtitles)"),
        ("en-GB", "Friday, 9 July 2032", "20:30", "3D, French (German subtitles)"),
        ("de-AT", "Freitag, 9. Juli 2032", "20:30", "3D, Französisch (Untertitel: Deutsch)"),
        ("en-QQ", "Friday, July 9, 2032", "8:30", "3D, French (German subtitles)"),
    ],
)
async def test_a_pdf_has_the_forms_of_a_region_the_address_the_version_and_the_reservations_code(
    api: Api, tag: str, day: str, clock: str, language: str
) -> None:
    cinema, person = await made(api), await api.sign_up()
    about = {"starts_at": STARTS_AT, "ends_at": ENDS_AT, "base_price": "10.00", "format": "3D"}
    about |= {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id}  # type: ignore[dict-item]
    about |= {"audio_language": "fr", "subtitle_language": "de"}
    changed = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", about, who=await api.admin())
    assert changed.status == 200, changed.text
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    code = (await api.call("GET", f"/reservations/{reservation_id}", who=person)).json["code"]
    for size in ("a4", "wallet"):
        _, pdf = await read(api, person, f"/reservations/{reservation_id}/tickets.pdf?size={size}&language={tag}")
        [(text, codes)] = pages_of(pdf)
        assert len(codes) == 1
        for part in (day, clock, language, "1 Main Street", f" {code}", "Standard"):
            assert part in text, (size, part)


@pytest.mark.parametrize(
    "title",
    [
        "Броненосец «Потёмкин»",
        "Το βλέμμα του Οδυσσέα",
        "Ą, ę, ő, ř, ș, ť, ž: 10 €",
        "千と千尋の神隠し",
        "기생충",
        "臥虎藏龍",
        "W" * 200,
        "A film " * 28,
        "مملكة",
        "🎬",
    ],
)
async def test_titles_of_any_script_and_length_are_printed(shared_api: Api, title: str) -> None:
    cinema, person = await made(shared_api, title), await shared_api.sign_up()
    reservation_id = await sell(shared_api, person, cinema.showtime_id, cinema.seat_ids[:1])
    [ticket] = await tickets(shared_api, person, reservation_id)

    for size in ("a4", "wallet"):
        _, pdf = await read(shared_api, person, f"/reservations/{reservation_id}/tickets.pdf?size={size}")
        [(text, codes)] = pages_of(pdf)
        assert codes == [ticket["qr_payload"]]
        if title[0] in "БΤĄ":
            assert title in text.replace("\r\n", " ")


@pytest.mark.parametrize("what", ["tickets.pdf", "tickets.ics"])
async def test_a_hold_has_no_documents_and_a_strangers_reservation_is_not_found(api: Api, what: str) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]

    assert (await api.call("GET", f"/reservations/{held}/{what}", who=person)).code == "not_confirmed"
    assert (await api.call("GET", f"/reservations/{held}/{what}", who=await api.sign_up())).code == "not_found"
    wrong = await api.call("GET", f"/reservations/{held}/{what}?language=xx", who=person)
    assert wrong.code == "validation_error"


def entry_of(ics: bytes) -> tuple[Any, Any]:
    calendar = Calendar.from_ical(ics.decode())
    [event] = calendar.walk("VEVENT")
    return calendar, event


async def test_the_calendar_entry_is_in_the_time_of_the_cinema(api: Api) -> None:
    cinema, person = await made(api), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])

    headers, ics = await read(api, person, f"/reservations/{reservation_id}/tickets.ics?language=de")

    calendar, event = entry_of(ics)
    assert headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert (str(calendar["METHOD"]), str(event["STATUS"]), int(event["SEQUENCE"])) == ("PUBLISH", "CONFIRMED", 0)
    assert str(event["UID"]) == f"{reservation_id}@reservation"
    assert (str(event["SUMMARY"]), str(event["LOCATION"])) == ("The Third Man", "Saal 3, Filmtheater")
    assert event["DTSTART"].params["TZID"] == "Europe/Berlin"
    assert event["DTSTART"].dt.replace(tzinfo=None) == datetime(2032, 7, 9, 20, 30)  # noqa: DTZ001 - the clock's
    assert event["DTSTART"].dt.astimezone(UTC) == datetime.fromisoformat(STARTS_AT)
    assert event["DTEND"].dt.astimezone(UTC) == datetime.fromisoformat(ENDS_AT)
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]
    onsets = [rule for zone in calendar.walk("VTIMEZONE") for rule in zone.subcomponents]
    summers = [rule for rule in onsets if rule.TZOFFSETTO > rule.TZOFFSETFROM]
    winters = [rule for rule in onsets if rule.TZOFFSETTO < rule.TZOFFSETFROM]
    for rule, hour in [*((rule, 2) for rule in summers), *((rule, 3) for rule in winters)]:
        begins = [rule.DTSTART, *(each.dt for each in rule["RDATE"].dts)]
        assert {(each.weekday(), each.hour) for each in begins} == {(6, hour)}  # on Sundays, by the clock before
    assert (len(summers), len(winters)) == (1, 1)
    assert "Reihe A, Platz 1\nReihe A, Platz 2\n" in str(event["DESCRIPTION"])


async def test_a_changed_entry_replaces_the_one_before_and_a_cancelled_one_takes_it_back(
    api: Api, db: Connection
) -> None:
    cinema, person, admin = await made(api), await api.sign_up(), await api.admin()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    path = f"/reservations/{reservation_id}/tickets.ics"
    await db.execute("update reservations set confirmed_at = confirmed_at - interval '1 hour'")

    async def event() -> Any:
        return entry_of((await read(api, person, path))[1])[1]

    first = await event()
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "10.00"}
    body |= {"starts_at": "2032-07-09T19:00:00Z", "ends_at": "2032-07-09T21:00:00Z"}
    await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}?force=true", body, who=admin)
    moved = await event()
    await db.execute("update showtimes set changed_at = changed_at - interval '10 minutes'")
    cancel = f"/reservations/{reservation_id}/cancel"
    await api.call("POST", cancel, {"seat_ids": cinema.seat_ids[:1]}, who=person)
    fewer = await event()
    await db.execute("update reservation_changes set changed_at = changed_at - interval '5 minutes'")
    await api.cancel(person, reservation_id)
    cancelled = await event()

    assert len({str(each["UID"]) for each in (first, moved, fewer, cancelled)}) == 1
    sequences = [int(each["SEQUENCE"]) for each in (first, moved, fewer, cancelled)]
    assert sequences[0] == 0 < sequences[1]
    assert sequences[1] - 600 < sequences[2] - 300 <= sequences[3]
    assert moved["DTSTART"].dt > first["DTSTART"].dt
    assert "Seat 1" not in fewer["DESCRIPTION"]
    assert str(cancelled["STATUS"]) == "CANCELLED"
    assert b"METHOD:CANCEL" in (await read(api, person, path))[1]


async def test_the_documents_for_a_mail_are_made_of_the_reservations_id(api: Api) -> None:
    cinema, person = await made(api), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    server: Any = api.client.server

    documents = await ticket_documents(server.app[TICKETS], UUID(reservation_id), "de")

    [(text, [payload])] = pages_of(documents.pdf)
    assert "Freitag" in text
    assert [payload] == [ticket["qr_payload"] for ticket in await tickets(api, person, reservation_id)]
    assert str(entry_of(documents.ics)[1]["UID"]) == f"{reservation_id}@reservation"
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[1:2])).json["id"]
    with pytest.raises(ReservationNotConfirmed):
        await ticket_documents(server.app[TICKETS], UUID(held), "de")


async def test_too_many_pdfs_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_WAITING", 2)
    renderer = Renderer()

    results = await asyncio.gather(*(renderer.run(bytes, b"a") for _ in range(4)), return_exceptions=True)

    assert results[:2] == [b"a", b"a"]
    assert all(isinstance(each, Overloaded) for each in results[2:])
    assert await renderer.run(bytes, b"b") == b"b"
    renderer.close()
