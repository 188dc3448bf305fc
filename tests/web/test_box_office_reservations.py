"""Reservations of all customers at the box office: found, shown whole, and changed for the customer."""

import pytest

from tests.api import Api, Cinema, Person, slot
from tests.web.visitor import Visitor, visitor_of


async def _seller(api: Api) -> Visitor:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.staff())
    return visitor


async def _held(api: Api, who: Person, cinema: Cinema, seats: slice = slice(0, 2)) -> dict[str, str]:
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[seats])
    assert held.status == 201, held.text
    return {"id": held.json["id"], "code": held.json["code"]}


async def _sold(api: Api, who: Person, cinema: Cinema, seats: slice = slice(0, 2)) -> dict[str, str]:
    held = await _held(api, who, cinema, seats)
    assert (await api.confirm(who, held["id"])).status == 200
    return held


async def _status(api: Api, reservation_id: str) -> str:
    found = await api.call("GET", f"/admin/reservations/{reservation_id}", who=await api.admin())
    return str(found.json["status"])


async def test_a_code_leads_to_its_reservation(api: Api) -> None:
    cinema, visitor = await api.cinema(), await _seller(api)
    sold = await _sold(api, await api.sign_up(), cinema)
    await visitor.open("/box-office/reservations")
    spoken = f"{sold['code'][:4]}-{sold['code'][4:]}".lower()
    page = await visitor.submit("/box-office/reservations", q=spoken)
    assert page.url.endswith(f"/box-office/reservations/{sold['id']}")
    assert page.heading.split() == [sold["code"], "Confirmed"]
    assert "A1-2" in page.text


@pytest.mark.parametrize("by", ["email", "name", "showtime", "status"])
async def test_reservations_are_found_by_each_filter(api: Api, by: str) -> None:
    cinema, visitor, who = await api.cinema(), await _seller(api), await api.sign_up()
    sold = await _sold(api, who, cinema)
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    admin = await api.admin()
    guest = {"seat_ids": cinema.seat_ids[2:3], "customer": {"name": "Grace Hopper", "email": "grace@example.com"}}
    held = await api.call("POST", f"/showtimes/{other}/holds", guest, who=admin)
    wanted, code = {
        "email": ({"q": who.email.upper()}, sold["code"]),
        "name": ({"q": "hopp"}, held.json["code"]),
        "showtime": ({"showtime_id": str(cinema.showtime_id)}, sold["code"]),
        "status": ({"status": "held"}, held.json["code"]),
    }[by]
    await visitor.open("/box-office/reservations")
    page = await visitor.submit("/box-office/reservations", wanted)
    [link] = [each for each in page.links if each.startswith("/box-office/reservations/")]
    assert code in page.text
    assert link.rpartition("/")[2] in (sold["id"], held.json["id"])


async def test_a_filter_that_matches_no_reservation_shows_an_empty_list(api: Api) -> None:
    visitor = await _seller(api)
    for query in ("q=nobody", "q=@", "q=00000000", "showtime_id=x", "status=lost", "cursor=x"):
        page = await visitor.open(f"/box-office/reservations?{query}")
        assert (page.status, "No reservation matches." in page.text) == (200, True)


async def test_older_reservations_are_on_the_next_page(api: Api) -> None:
    cinema, visitor, who = await api.cinema(rows=6), await _seller(api), await api.admin()
    for place in range(51):
        await _held(api, who, cinema, slice(place, place + 1))
    page = await visitor.open("/box-office/reservations?status=held")
    [older] = [link for link in page.links if "cursor=" in link]
    page = await visitor.open(older)
    assert [link for link in page.links if link.startswith("/box-office/reservations/")] != []
    assert "A1" in page.text


async def test_a_hold_is_extended_and_confirmed_for_the_customer(api: Api) -> None:
    cinema, visitor = await api.cinema(), await _seller(api)
    held = await _held(api, await api.sign_up(), cinema)
    path = f"/box-office/reservations/{held['id']}"
    await visitor.open(path)
    page = await visitor.submit(f"{path}/extend")
    assert "The seats are held for longer." in page.text
    page = await visitor.submit(f"{path}/confirm")
    assert "The reservation is confirmed." in page.text
    assert await _status(api, held["id"]) == "confirmed"
    assert f"/book/{cinema.showtime_id}?exchange={held['id']}" in page.links


async def test_single_seats_are_cancelled_and_then_the_rest(api: Api) -> None:
    cinema, visitor = await api.cinema(), await _seller(api)
    sold = await _sold(api, await api.sign_up(), cinema, slice(0, 3))
    path = f"/box-office/reservations/{sold['id']}"
    await visitor.open(path)
    page = await visitor.submit(f"{path}/cancel", seat=[str(cinema.seat_ids[1])], reason="A child is ill")
    assert "The seats are cancelled." in page.text
    assert "seats cancelled by the box office : A child is ill" in page.text.replace("office:", "office :")
    assert "A1, A3" in page.text
    page = await visitor.submit(f"{path}/cancel", reason="All are ill")
    assert page.heading.split() == [sold["code"], "Cancelled"]
    assert "All are ill" in page.text
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_staff_cancel_after_the_cutoff(api: Api) -> None:
    cinema = await api.cinema(**slot(-0.1), sales_end_at=slot(1)["starts_at"])
    who = await api.sign_up()
    sold = await _sold(api, who, cinema)
    assert (await api.cancel(who, sold["id"])).code == "too_late_to_cancel"
    visitor, path = await _seller(api), f"/box-office/reservations/{sold['id']}"
    await visitor.open(path)
    await visitor.submit(f"{path}/cancel", reason="No parking space")
    assert await _status(api, sold["id"]) == "cancelled"


async def test_a_cancel_needs_a_reason_and_a_seat(api: Api) -> None:
    cinema, visitor = await api.cinema(), await _seller(api)
    sold = await _sold(api, await api.sign_up(), cinema)
    path = f"/box-office/reservations/{sold['id']}"
    await visitor.open(path)
    page = await visitor.submit(f"{path}/cancel", seat=None, reason="Rain")
    assert (page.status, "Tick the seats to cancel." in page.text) == (422, True)
    assert ("reason", "Rain") in page.form(f"{path}/cancel").fields
    page = await visitor.submit(f"{path}/cancel", reason="")
    assert (page.status, 'id="error-reason"' in page.html) == (422, True)
    assert await _status(api, sold["id"]) == "confirmed"


async def test_a_cancel_that_is_sent_twice_is_one_change(api: Api) -> None:
    cinema, visitor = await api.cinema(), await _seller(api)
    sold = await _sold(api, await api.sign_up(), cinema)
    path = f"/box-office/reservations/{sold['id']}"
    shown = await visitor.open(path)
    for _ in range(2):
        visitor.page = shown
        page = await visitor.submit(f"{path}/cancel", seat=[str(cinema.seat_ids[0])], reason="Rain")
        assert page.text.count("Rain") == 1


async def test_a_refused_confirm_is_shown_on_the_page_of_the_reservation(api: Api) -> None:
    cinema, visitor = await api.cinema(), await _seller(api)
    who = await api.sign_up()
    held = await _held(api, who, cinema)
    path = f"/box-office/reservations/{held['id']}"
    await visitor.open(path)
    assert (await api.cancel(who, held["id"])).status == 200
    page = await visitor.submit(f"{path}/confirm")
    assert (page.status, page.heading.split()[1]) == (409, "Cancelled")
    assert "This reservation has been cancelled." in page.text


async def test_an_unknown_reservation_is_404(api: Api) -> None:
    visitor = await _seller(api)
    assert (await visitor.open("/box-office/reservations/7")).status == 404
    path = "/box-office/reservations/00000000-0000-0000-0000-000000000000"
    assert (await visitor.open(path)).status == 404
