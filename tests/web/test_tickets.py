"""The page of a reservation's tickets, and what it links to."""

import pytest

from tests.api import Api, Person
from tests.tickets.sold import sell, tickets
from tests.web.visitor import Visitor, visitor_of


async def signed_in(api: Api, person: Person) -> Visitor:
    visitor = await visitor_of(api)
    await visitor.sign_in(person)
    return visitor


async def body_of(visitor: Visitor, path: str, **headers: str) -> tuple[int, str, bytes]:
    """The status, the content type and the bytes of what is at a path."""
    sent = {"Cookie": visitor.cookie_header(), **headers}
    async with visitor.client.get(path, headers=sent, allow_redirects=False) as response:
        return response.status, response.headers.get("Content-Type", ""), await response.read()


async def test_the_page_shows_each_ticket_with_its_qr_code_and_links_to_files(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    visitor, address = await signed_in(api, person), f"/my/reservations/{reservation_id}"
    await visitor.open(address)
    assert f"{address}/tickets" in visitor.page.links

    page = await visitor.open(f"{address}/tickets")

    assert (page.status, page.heading) == (200, "A Film")
    made = await tickets(api, person, reservation_id)
    found = (await api.call("GET", f"/reservations/{reservation_id}", who=person)).json
    assert page.text.count(f"Reservation {found['code']}") == 1 + len(made)  # the link, and each ticket
    assert "Standard, $10.00" in page.text
    for ticket, seat in zip(made, ("Row A, seat 1", "Row A, seat 2"), strict=True):
        assert f"{ticket['code'][:5]}-{ticket['code'][5:]}" in page.text
        assert seat in page.text
        assert f'src="{address}/tickets/{ticket["id"]}/qr.svg"' in page.html
    types = {"tickets.pdf": "application/pdf", "tickets.pdf?size=wallet": "application/pdf"}
    types |= {"tickets.ics": "text/calendar; charset=utf-8", f"tickets/{made[0]['id']}/qr.svg": "image/svg+xml"}
    for name, content_type in types.items():
        status, sent_type, body = await body_of(visitor, f"{address}/{name}")
        assert (status, sent_type, bool(body)) == (200, content_type, True)
    _, _, german = await body_of(visitor, f"{address}/tickets.ics", **{"Accept-Language": "de"})
    assert "Reihe A" in german.decode()
    assert (await body_of(visitor, f"{address}/tickets/x/qr.svg"))[0] == 404


async def test_a_reservation_without_tickets_leads_to_its_page_and_a_strangers_is_not_found(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    visitor = await signed_in(api, person)
    page = await visitor.open(f"/my/reservations/{held}/tickets")
    assert page.url.endswith(f"/my/reservations/{held}")

    for stranger in (await api.sign_up(), await api.staff()):
        other = await signed_in(api, stranger)
        for what in ("tickets", "tickets.pdf", "tickets.ics"):
            assert (await other.open(f"/my/reservations/{held}/{what}")).status == 404


async def test_the_box_office_prints_the_tickets_of_a_customer(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    visitor, address = await signed_in(api, await api.staff()), f"/box-office/reservations/{reservation_id}"
    assert f"{address}/tickets.pdf" in (await visitor.open(address)).links

    assert (await body_of(visitor, f"{address}/tickets.pdf"))[:2] == (200, "application/pdf")

    customer = await signed_in(api, person)
    assert (await customer.open(f"{address}/tickets.pdf")).status == 403


@pytest.mark.parametrize("what", ["tickets", "tickets.pdf"])
async def test_a_visitor_has_to_sign_in_first(api: Api, what: str) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    page = await (await visitor_of(api)).open(f"/my/reservations/{reservation_id}/{what}")
    assert "/sign-in" in page.url


async def test_a_seat_that_is_checked_in_is_not_cancelled_and_the_page_says_why(api: Api) -> None:
    cinema, person, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:1])
    [ticket] = await tickets(api, person, reservation_id)
    visitor, address = await signed_in(api, person), f"/my/reservations/{reservation_id}"
    await visitor.open(address)
    await api.call("POST", "/check-ins", {"code": ticket["code"]}, who=staff)

    page = await visitor.submit(f"{address}/cancel", all="yes")

    assert page.status == 409
    assert "A ticket was checked in at the door" in page.text
    assert "Checked in at" in (await visitor.open(f"{address}/tickets")).text
