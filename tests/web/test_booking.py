"""A booking in a browser without JavaScript: seats, tickets, hold; seats that are lost, exchanged and added."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote

import pytest
from multidict import MultiDict

from reservation.web.booking.choice import choice_of
from reservation.web.seat_map.view import DRAWINGS
from tests.api import Api, Cinema, Person, slot
from tests.conftest import StartApi
from tests.web.visitor import Page, Visitor, visitor_of

BOX = re.compile(r"<input type=\"checkbox\" name=\"seat_id\" value=\"(\d+)\" aria-label=\"([^\"]+)\"([^>]*)>")
RESERVATION = re.compile(r"/my/reservations/([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Box:
    """The checkbox of a seat."""

    name: str
    is_disabled: bool
    is_checked: bool


def boxes(page: Page) -> dict[int, Box]:
    """The seats of a page's map by their ids, in the order in which they are drawn."""
    found = BOX.findall(page.html)
    return {int(seat): Box(name, "disabled" in rest, "checked" in rest) for seat, name, rest in found}


def chosen(page: Page) -> list[int]:
    return [seat for seat, box in boxes(page).items() if box.is_checked]


async def customer(api: Api) -> tuple[Visitor, Person]:
    visitor, person = await visitor_of(api), await api.sign_up()
    await visitor.sign_in(person)
    return visitor, person


async def to_tickets(visitor: Visitor, showtime_id: int, seat_ids: list[int]) -> Page:
    """The first step: the map, and the seats that are chosen there."""
    await visitor.open(f"/book/{showtime_id}")
    return await visitor.submit(f"/book/{showtime_id}/tickets", seat_id=[str(seat) for seat in seat_ids])


def reached(page: Page) -> str:
    """The id of the reservation that the browser was led to."""
    found = RESERVATION.search(page.url)
    assert found, f"{page.url}: {page.text}"
    return found[1]


async def reservation(api: Api, person: Person, page: Page) -> dict[str, object]:
    answer = await api.call("GET", f"/reservations/{reached(page)}", who=person)
    assert answer.status == 200, answer.text
    found: dict[str, object] = answer.json
    return found


def seats_and_types(found: dict[str, object]) -> list[tuple[int, str]]:
    seats: list[dict[str, dict[str, str]]] = found["seats"]  # type: ignore[assignment]
    return [(seat["seat_id"], seat["ticket_type"]["name"]) for seat in seats]  # type: ignore[misc]


async def child_ticket(api: Api) -> int:
    made = await api.make("/admin/ticket-types", {"name": "child", "price_factor": "0.60"})
    return int(made["id"])


async def test_seats_are_booked_with_a_ticket_type_each(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    child, seats = await child_ticket(api), cinema.seat_ids[12:15]
    page = await to_tickets(visitor, cinema.showtime_id, seats)
    assert "Row B, seat 3" in page.text
    assert "$30.00" in page.text
    page = await visitor.submit(f"/book/{cinema.showtime_id}", {f"ticket_type_{seats[2]}": str(child)}, step="total")
    assert "$26.00" in page.text
    await visitor.submit(f"/book/{cinema.showtime_id}")
    held = await reservation(api, person, visitor.page)
    assert (held["status"], held["total_price"]) == ("held", "26.00")
    assert seats_and_types(held) == [(seats[0], "standard"), (seats[1], "standard"), (seats[2], "child")]


async def test_a_seat_has_its_whole_name_and_an_unavailable_one_cannot_be_chosen(api: Api) -> None:
    cinema, other = await api.cinema(), await api.sign_up()
    first, second, third, *_ = cinema.seat_ids
    sold = await api.hold(other, cinema.showtime_id, [first])
    await api.confirm(other, sold.json["id"])
    await api.hold(other, cinema.showtime_id, [second])
    await api.make(f"/admin/showtimes/{cinema.showtime_id}/blocks", {"seat_ids": [third], "reason": "Press"})
    shown = boxes(await (await visitor_of(api)).open(f"/book/{cinema.showtime_id}"))
    assert [*shown.values()][:4] == [
        Box("Row A, seat 1, regular, 10.00 USD, taken", is_disabled=True, is_checked=False),
        Box("Row A, seat 2, regular, 10.00 USD, held", is_disabled=True, is_checked=False),
        Box("Row A, seat 3, regular, 10.00 USD, not for sale", is_disabled=True, is_checked=False),
        Box("Row A, seat 4, regular, 10.00 USD, available", is_disabled=False, is_checked=False),
    ]


async def test_a_room_with_positions_is_drawn_from_the_screen_to_the_back_with_its_aisles(api: Api) -> None:
    movie_id, room = await api.movie(), await api.make("/admin/auditoriums", {"name": "R", "capacity": 10})
    plan = [
        {"row_label": "A", "seat_number": 1, "x": 1, "y": 40},
        {"row_label": "A", "seat_number": 2, "x": 5000, "y": 40},
        {"row_label": "B", "seat_number": 1, "x": 2, "y": -7, "seat_type": "love-seat", "price_modifier": "1.25"},
        {"row_label": "B", "seat_number": 2, "x": 1, "y": -7, "seat_type": "wheelchair"},
    ]
    path = f"/admin/auditoriums/{room['id']}/seats"
    assert (await api.call("PUT", path, {"seats": plan}, who=await api.admin())).status == 200
    showtime_id = await api.showtime(movie_id, room["id"], base_price="9.99")
    page = await (await visitor_of(api)).open(f"/book/{showtime_id}")
    assert [box.name.rpartition(",")[0] for box in boxes(page).values()] == [
        "Row B, seat 2, wheelchair place, 9.99 USD",
        "Row B, seat 1, love seat, 12.49 USD",
        "Row A, seat 1, regular, 9.99 USD",
        "Row A, seat 2, regular, 9.99 USD",
    ]
    back, front = page.html.split('<div class="seat-row">')[2], page.html.split('<div class="seat-row">')[1]
    assert (front.count("<i></i>"), back.count("<i></i>")) == (4, 4)


async def test_a_map_says_what_the_room_is_now_after_its_plan_or_price_has_changed(api: Api) -> None:
    cinema, visitor, admin = await api.cinema(rows=1, seats_per_row=2), await visitor_of(api), await api.admin()
    path = f"/book/{cinema.showtime_id}"
    assert "Row A, seat 1, regular, 10.00 USD" in (await visitor.open(path)).html
    place = {"row_label": "A", "seat_number": 1, "seat_type": "premium", "price_modifier": "1.50"}
    assert (await api.call("PUT", f"/admin/seats/{cinema.seat_ids[0]}", place, who=admin)).status == 200
    assert "Row A, seat 1, premium, 15.00 USD" in (await visitor.open(path)).html
    changed = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "20.00"} | slot(24)
    answer = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", changed, who=admin)
    assert answer.status == 200, answer.text
    assert "Row A, seat 1, premium, 30.00 USD" in (await visitor.open(path)).html
    visitor.headers["Accept-Language"] = "de"
    assert "Reihe A, Platz 1, Premium, 30,00 USD, frei" in (await visitor.open(path)).html


async def test_a_visitor_signs_in_on_the_way_and_keeps_the_choice(api: Api) -> None:
    cinema, visitor, person = await api.cinema(), await visitor_of(api), await api.sign_up()
    child, seats = await child_ticket(api), cinema.seat_ids[:2]
    await to_tickets(visitor, cinema.showtime_id, seats)
    page = await visitor.submit(f"/book/{cinema.showtime_id}", {f"ticket_type_{seats[1]}": str(child)})
    assert "/sign-in?" in page.url
    assert f"/book/{cinema.showtime_id}/tickets?" in unquote(page.url)
    await visitor.submit("/sign-in", email=person.email, password="correct horse battery")
    await visitor.submit(f"/book/{cinema.showtime_id}")
    held = await reservation(api, person, visitor.page)
    assert seats_and_types(held) == [(seats[0], "standard"), (seats[1], "child")]


async def test_the_query_of_the_map_preselects_seats_and_tickets(api: Api) -> None:
    cinema, visitor, child = await api.cinema(), await visitor_of(api), await child_ticket(api)
    one, two, *_ = cinema.seat_ids
    query = f"seat_id={two}&seat_id={one}&seat_id=4711&ticket_type_{two}={child}"
    page = await visitor.open(f"/book/{cinema.showtime_id}?{query}")
    assert chosen(page) == [one, two]
    fields = page.form(f"/book/{cinema.showtime_id}").fields
    assert [field for field in fields if field[0] == "seat_id"] == [("seat_id", str(two)), ("seat_id", str(one))]
    assert (f"ticket_type_{two}", str(child)) in fields


async def test_a_lost_seat_is_shown_where_it_was_and_the_rest_of_the_choice_is_kept(api: Api) -> None:
    cinema, (visitor, person), other = await api.cinema(), await customer(api), await api.sign_up()
    kept, lost, *_ = cinema.seat_ids
    await to_tickets(visitor, cinema.showtime_id, [kept, lost])
    await api.hold(other, cinema.showtime_id, [lost])
    page = await visitor.submit(f"/book/{cinema.showtime_id}")
    assert page.status == 409
    assert "Row A, seat 2 has just been taken by another customer. The rest of your choice is kept." in page.text
    name = "Row A, seat 2, regular, 10.00 USD, just taken by another customer"
    assert boxes(page)[lost] == Box(name, is_disabled=True, is_checked=False)
    assert chosen(page) == [kept]
    await visitor.submit(f"/book/{cinema.showtime_id}/tickets", seat_id=[str(kept)])
    await visitor.submit(f"/book/{cinema.showtime_id}")
    assert seats_and_types(await reservation(api, person, visitor.page)) == [(kept, "standard")]


async def test_a_form_that_is_sent_twice_holds_once(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    step = await to_tickets(visitor, cinema.showtime_id, cinema.seat_ids[:2])
    first = reached(await visitor.submit(f"/book/{cinema.showtime_id}"))
    visitor.page = step
    assert reached(await visitor.submit(f"/book/{cinema.showtime_id}")) == first
    listed = await api.call("GET", "/reservations", who=person)
    assert [each["id"] for each in listed.json["items"]] == [first]


async def test_of_two_forms_sent_at_once_one_hold_remains(api: Api) -> None:
    cinema, (visitor, person), other = await api.cinema(), await customer(api), await visitor_of(api)
    other.page = await to_tickets(visitor, cinema.showtime_id, cinema.seat_ids[:2])
    other.cookies = visitor.cookies
    path = f"/book/{cinema.showtime_id}"
    pages = await asyncio.gather(visitor.submit(path), other.submit(path))
    listed = await api.call("GET", "/reservations", who=person)
    [held] = listed.json["items"]
    assert {reached(page) for page in pages if RESERVATION.search(page.url)} == {held["id"]}
    assert len(held["seats"]) == 2


async def test_a_hold_of_the_showtime_is_offered_to_go_on_with(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    held = await api.hold(person, cinema.showtime_id, cinema.seat_ids[:2])
    page = await visitor.open(f"/book/{cinema.showtime_id}")
    assert "You hold: Row A, seat 1; Row A, seat 2." in page.text
    assert f"/my/reservations/{held.json['id']}" in page.links


async def test_a_room_is_drawn_once_for_each_price_and_language(api: Api) -> None:
    cinema, visitor = await api.cinema(), await visitor_of(api)
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    assert api.client.app is not None
    drawings = api.client.app[DRAWINGS]
    for showtime_id in (cinema.showtime_id, other, other):
        await visitor.open(f"/book/{showtime_id}")
        assert len(drawings) == 1
    visitor.headers["Accept-Language"] = "de"
    await visitor.open(f"/book/{other}")
    assert len(drawings) == 2


@pytest.mark.parametrize("number", [0, 11])
async def test_no_seat_and_too_many_are_refused_with_the_choice_kept(api: Api, number: int) -> None:
    cinema, visitor = await api.cinema(), await visitor_of(api)
    page = await to_tickets(visitor, cinema.showtime_id, cinema.seat_ids[:number])
    assert page.status == 422
    assert ("Please choose at least one seat." if number == 0 else "You can choose up to 10 seats.") in page.text
    assert chosen(page) == cinema.seat_ids[:number]


async def test_the_best_seats_are_held_for_people_with_tickets(api: Api) -> None:
    cinema, (visitor, person), child = await api.cinema(), await customer(api), await child_ticket(api)
    await visitor.open(f"/book/{cinema.showtime_id}")
    await visitor.submit(f"/book/{cinema.showtime_id}/best", {"people_1": "2", f"people_{child}": "1"})
    held = await reservation(api, person, visitor.page)
    assert [kind for _, kind in seats_and_types(held)] == ["standard", "standard", "child"]
    assert held["total_price"] == "26.00"


async def test_too_many_best_seats_are_refused_with_the_people_kept(api: Api) -> None:
    cinema, (visitor, _) = await api.cinema(rows=2, seats_per_row=3), await customer(api)
    path = f"/book/{cinema.showtime_id}/best"
    await visitor.open(f"/book/{cinema.showtime_id}")
    page = await visitor.submit(path, people_1="4")
    assert page.status == 409
    assert "No row has that many seats next to each other any more." in page.text
    assert ("people_1", "4") in page.form(path).fields
    page = await visitor.submit(path, people_1="0")
    assert page.status == 422
    assert "Please enter the number of people." in page.text


async def test_a_visitor_who_wants_the_best_seats_signs_in_first(api: Api) -> None:
    cinema, visitor, person = await api.cinema(), await visitor_of(api), await api.sign_up()
    path = f"/book/{cinema.showtime_id}/best"
    await visitor.open(f"/book/{cinema.showtime_id}")
    await visitor.submit(path, people_1="3")
    await visitor.submit("/sign-in", email=person.email, password="correct horse battery")
    assert ("people_1", "3") in visitor.page.form(path).fields
    await visitor.submit(path)
    assert len(seats_and_types(await reservation(api, person, visitor.page))) == 3


async def _booked(api: Api, person: Person, cinema: Cinema, seat_ids: list[int]) -> str:
    held = await api.hold(person, cinema.showtime_id, seat_ids)
    assert (await api.confirm(person, held.json["id"])).status == 200
    return str(held.json["id"])


async def test_seats_are_exchanged_for_others_and_own_ones_can_stay(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    one, two, three, *_ = cinema.seat_ids
    booked = await _booked(api, person, cinema, [one, two])
    page = await visitor.open(f"/book/{cinema.showtime_id}?exchange={booked}")
    assert page.heading == "Exchange your seats: A Film"
    assert "You have: Row A, seat 1; Row A, seat 2, for $20.00." in page.text
    assert boxes(page)[one] == Box("Row A, seat 1, regular, 10.00 USD, yours already", False, False)
    page = await visitor.submit(f"/book/{cinema.showtime_id}/tickets", seat_id=[str(two), str(three)])
    assert "2 seats $20.00 as much as before" in page.text
    page = await visitor.submit(f"/book/{cinema.showtime_id}")
    assert reached(page) == booked
    found = await reservation(api, person, page)
    assert (found["status"], [seat for seat, _ in seats_and_types(found)]) == ("confirmed", [two, three])


async def test_seats_are_exchanged_for_those_of_another_showtime(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48), base_price="12.50")
    booked = await _booked(api, person, cinema, cinema.seat_ids[:1])
    page = await visitor.open(f"/book/{later}?exchange={booked}")
    assert not boxes(page)[cinema.seat_ids[0]].is_disabled
    page = await visitor.submit(f"/book/{later}/tickets", seat_id=[str(cinema.seat_ids[0])])
    assert "$2.50 more than before" in page.text
    await visitor.submit(f"/book/{later}")
    assert (await reservation(api, person, visitor.page))["showtime_id"] == later


async def test_exchanged_seats_keep_the_ticket_types_that_nothing_else_was_chosen_for(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    one, two, three, four, *_ = cinema.seat_ids
    seats = [{"seat_id": one, "ticket_type_id": await child_ticket(api)}, {"seat_id": two}]
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", {"seats": seats}, who=person)
    assert (await api.confirm(person, held.json["id"])).status == 200
    await visitor.open(f"/book/{cinema.showtime_id}?exchange={held.json['id']}")
    page = await visitor.submit(f"/book/{cinema.showtime_id}/tickets", seat_id=[str(three), str(four)])
    assert "2 seats $16.00" in page.text
    await visitor.submit(f"/book/{cinema.showtime_id}")
    found = await reservation(api, person, visitor.page)
    assert seats_and_types(found) == [(three, "child"), (four, "standard")]


async def test_seats_are_added_to_a_hold(api: Api) -> None:
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    one, two, *_ = cinema.seat_ids
    held = await api.hold(person, cinema.showtime_id, [one])
    page = await visitor.open(f"/book/{cinema.showtime_id}?add_to={held.json['id']}")
    assert boxes(page)[one].is_disabled
    await visitor.submit(f"/book/{cinema.showtime_id}/tickets", seat_id=[str(two)])
    await visitor.submit(f"/book/{cinema.showtime_id}")
    found = await reservation(api, person, visitor.page)
    assert (found["id"], [seat for seat, _ in seats_and_types(found)]) == (held.json["id"], [one, two])


async def test_a_change_of_somebody_elses_reservation_is_not_found_and_of_a_visitor_leads_to_the_sign_in(
    api: Api,
) -> None:
    cinema, (visitor, _), other = await api.cinema(), await customer(api), await api.sign_up()
    booked = await _booked(api, other, cinema, cinema.seat_ids[:1])
    path = f"/book/{cinema.showtime_id}?exchange={booked}"
    assert (await visitor.open(path)).status == 404
    assert "/sign-in?" in (await (await visitor_of(api)).open(path)).url


async def test_a_hold_beyond_a_limit_is_refused_with_the_choice_kept(start_api: StartApi) -> None:
    api = await start_api(MAX_HOLDS_PER_USER="1")
    cinema, (visitor, person) = await api.cinema(), await customer(api)
    first, seat, *_ = cinema.seat_ids
    await api.hold(person, cinema.showtime_id, [first])
    await to_tickets(visitor, cinema.showtime_id, [seat])
    page = await visitor.submit(f"/book/{cinema.showtime_id}")
    assert (page.status, chosen(page)) == (409, [seat])
    assert "You hold as many seats as one customer may." in page.text


async def test_a_showtime_that_cannot_be_booked_says_why(api: Api) -> None:
    cinema, visitor, admin = await api.cinema(), await visitor_of(api), await api.admin()
    on_sale_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, on_sale_at=on_sale_at.isoformat(), **slot(48))
    page = await visitor.open(f"/book/{later}")
    assert "Tickets are on sale from " in page.text
    assert boxes(page) == {}
    past = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(-1, minutes=90))
    assert "This showtime has begun" in (await visitor.open(f"/book/{past}")).text
    await api.call("POST", f"/admin/showtimes/{later}/cancel", {"reason": "The projector is broken."}, who=admin)
    page = await visitor.open(f"/book/{later}")
    assert "This showtime has been cancelled. The projector is broken." in page.text
    assert f"/films/{cinema.movie_id}" in page.links


async def test_a_showtime_that_is_cancelled_during_the_choice_says_so(api: Api) -> None:
    cinema, (visitor, _), admin = await api.cinema(), await customer(api), await api.admin()
    await to_tickets(visitor, cinema.showtime_id, cinema.seat_ids[:1])
    await api.call("POST", f"/admin/showtimes/{cinema.showtime_id}/cancel", {"reason": "Fire"}, who=admin)
    page = await visitor.submit(f"/book/{cinema.showtime_id}")
    assert page.status == 409
    assert "This showtime has been cancelled." in page.text


async def test_a_sold_out_showtime_says_that_held_seats_may_become_free(api: Api) -> None:
    cinema, other = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
    await api.hold(other, cinema.showtime_id, cinema.seat_ids)
    page = await (await visitor_of(api)).open(f"/book/{cinema.showtime_id}")
    assert "All seats are taken or held." in page.text
    assert all(box.is_disabled for box in boxes(page).values())


async def test_an_unknown_showtime_is_a_page_that_says_so(api: Api) -> None:
    assert (await (await visitor_of(api)).open("/book/4711")).status == 404


def test_each_of_a_hundred_seats_keeps_its_ticket_type() -> None:
    seats, child = [*range(1, 101)], 7
    fields = MultiDict([("form_token", "x"), *(("seat_id", str(seat)) for seat in seats)])
    fields.extend([(f"ticket_type_{seat}", str(child)) for seat in seats])
    chosen = choice_of(fields)
    assert chosen.seats() == [{"seat_id": seat, "ticket_type_id": child} for seat in seats]
    assert choice_of(MultiDict(parse_qsl(chosen.query()))) == chosen
