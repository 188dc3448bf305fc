"""The box office sells: a showtime by its number, seats as they are typed, one Enter to hold and one to confirm."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from reservation.web.seat_map.names import UnknownSeat, free_rows, names_of, quantity_of, seats_of
from tests.api import Api, Cinema, slot
from tests.web.visitor import Page, Visitor, visitor_of

SEATS = [
    {"id": 100 * row + number, "row_label": label, "seat_number": number, "status": "available", "price": "10.00"}
    for row, label in enumerate(("A", "B", "AA"), 1)
    for number in range(1, 9)
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("A1", [101]),
        ("a1 b2", [101, 202]),
        ("A1-3, B2", [101, 102, 103, 202]),
        ("A1-A3", [101, 102, 103]),
        ("A3 – 1", [101, 102, 103]),
        ("A1,3;5", [101, 103, 105]),
        ("AA7-8", [307, 308]),
        ("A1 A1-2", [101, 102]),
    ],
)
def test_seats_are_read_as_people_type_them(text: str, ids: list[int]) -> None:
    assert [seat["id"] for seat in seats_of(text, SEATS)] == ids


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("Z1", "Z1"), ("A9", "A9"), ("A7-9", "A9"), ("A", "A"), ("A1-B2", "A1-B2"), ("A1 ?", "?"), ("7-9", "7-9")],
)
def test_a_part_that_names_no_seat_is_in_the_error(text: str, unknown: str) -> None:
    with pytest.raises(UnknownSeat, match=f"^{unknown.replace('?', '[?]')}$"):
        seats_of(text, SEATS)


def test_a_number_alone_asks_for_the_best_seats() -> None:
    assert (quantity_of("3"), quantity_of("A3"), quantity_of("")) == (3, None, None)


def test_seats_are_named_as_they_can_be_typed_again() -> None:
    chosen = seats_of("AA1, B4, A1-3, A7", SEATS)
    assert names_of(chosen) == "A1-3, A7, B4, AA1"
    assert {seat["id"] for seat in seats_of(names_of(chosen), SEATS)} == {seat["id"] for seat in chosen}
    taken = [seat | {"status": "booked"} if seat["seat_number"] == 3 else seat for seat in SEATS]
    assert next((row.label, row.numbers, row.count) for row in free_rows(taken)) == ("A", "1-2, 4-8", 7)


async def _cinema(api: Api) -> Cinema:
    """A showtime that is sold today, whatever time it is."""
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    ends = begins + timedelta(hours=2)
    return await api.cinema(starts_at=begins.isoformat(), ends_at=ends.isoformat(), sales_end_at=ends.isoformat())


async def _seller(api: Api) -> Visitor:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.staff())
    return visitor


async def _choose(visitor: Visitor, number: str = "1") -> Page:
    await visitor.open("/box-office")
    return await visitor.submit("/box-office/showtime", number=number)


async def _statuses(api: Api, cinema: Cinema) -> dict[str, int]:
    found = list((await api.statuses(cinema.showtime_id)).values())
    return {status: found.count(status) for status in set(found)}


async def test_a_standard_sale_takes_five_key_strokes(api: Api) -> None:
    """The number and Enter, the quantity and Enter, Enter: each step is one form whose first field has the focus."""
    cinema, visitor = await _cinema(api), await _seller(api)
    page = await _choose(visitor, "1")
    assert len(re.findall(r"<\w+[^>]* autofocus", page.html)) == 1
    path = f"/box-office/sale/{cinema.showtime_id}"
    page = await visitor.submit(path, seats="2")
    assert page.heading == "To pay: $20.00"
    assert len(re.findall(r"<\w+[^>]* autofocus", page.html)) == 1
    reservation_id = page.url.rpartition("/")[2]
    page = await visitor.submit(f"/box-office/holds/{reservation_id}/confirm")
    sold = (await api.call("GET", f"/admin/reservations/{reservation_id}", who=await api.admin())).json
    assert sold["status"] == "confirmed"
    assert f"Sold: {sold['code']}" in page.text
    assert f"/box-office/reservations/{reservation_id}/tickets.pdf" in page.links
    assert len(re.findall(r"<\w+[^>]* autofocus", page.html)) == 1
    assert page.form("/box-office/showtime")
    assert await _statuses(api, cinema) == {"booked": 2, "available": 48}


async def test_named_seats_with_a_child_are_sold_to_a_guest(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    child = await api.make("/admin/ticket-types", {"name": "Child", "price_factor": "0.50"})
    page = await _choose(visitor)
    assert "Child" in page.text
    typed = {"seats": "b2-3, c1", f"tickets_{child['id']}": "1", "name": "Ada", "email": "ada@example.com"}
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", typed)
    assert page.heading == "To pay: $25.00"
    assert "B2-3, C1" in page.text
    reservation_id = page.url.rpartition("/")[2]
    await visitor.submit(f"/box-office/holds/{reservation_id}/confirm")
    sold = (await api.call("GET", f"/admin/reservations/{reservation_id}", who=await api.admin())).json
    assert (sold["customer"]["name"], sold["customer"]["email"]) == ("Ada", "ada@example.com")
    assert [seat["ticket_type"]["name"] for seat in sold["seats"]].count("Child") == 1


async def test_best_seats_with_ticket_types_are_held(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    child = await api.make("/admin/ticket-types", {"name": "Child", "fixed_price": "3.00"})
    await _choose(visitor)
    values = {"seats": "3", f"tickets_{child['id']}": "2"}
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", values)
    assert page.heading == "To pay: $16.00"


async def test_a_taken_seat_is_named_and_everything_typed_is_kept(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    await _choose(visitor)
    assert (await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    typed = {"seats": "A1-3", "name": "Ada", "email": "ada@example.com"}
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", typed)
    assert page.status == 409
    assert "Taken by another customer: A2." in page.text
    form = page.form(f"/box-office/sale/{cinema.showtime_id}")
    assert set(typed.items()) <= set(form.fields)
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", seats="A3-5")
    assert page.heading == "To pay: $30.00"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"seats": "Z9"}, "There is no seat Z9."),
        ({"seats": ""}, "Type seats as F7-9, G1, or how many."),
        ({"seats": "1", "tickets": "2"}, "These are more tickets than seats."),
        ({"seats": "1", "tickets": "x"}, "Type a number."),
        ({"seats": "1", "email": "ada@example.com"}, "Missing data for required field."),
        ({"seats": "1", "name": "Ada", "email": "ada"}, "Not a valid email address."),
        ({"seats": "99"}, "At most 10 seats can be sold at once."),
    ],
)
async def test_a_wrong_field_has_its_reason_and_nothing_is_held(api: Api, typed: dict[str, str], reason: str) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    child = await api.make("/admin/ticket-types", {"name": "Child", "price_factor": "0.50"})
    await _choose(visitor)
    values = {f"tickets_{child['id']}" if name == "tickets" else name: text for name, text in typed.items()}
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", values)
    assert page.status == 422
    assert reason in page.text
    assert set(values.items()) <= set(page.form(f"/box-office/sale/{cinema.showtime_id}").fields)
    assert await _statuses(api, cinema) == {"available": 50}


async def test_seats_are_chosen_in_the_map_as_well_and_kept_when_one_is_taken(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    await _choose(visitor)
    path, first, second, third = f"/box-office/sale/{cinema.showtime_id}", *map(str, cinema.seat_ids[:3])
    page = await visitor.submit(path, seats="2", seat_id=[first])
    assert (page.status, "but not both" in page.text) == (422, True)
    assert ("seat_id", first) in page.form(path).fields
    assert (await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[1:2])).status == 201
    page = await visitor.submit(path, seats="", seat_id=[first, second, third])
    assert (page.status, "Taken by another customer: A2." in page.text) == (409, True)
    assert [text for name, text in page.form(path).fields if name == "seat_id"] == [first, third]
    page = await visitor.submit(path, seats="b1")
    assert page.heading == "To pay: $30.00"
    assert "A1, A3, B1" in page.text


async def test_a_walk_in_sale_is_found_by_the_name_that_was_typed(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    await _choose(visitor)
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", seats="1", name="Blue coat")
    await visitor.submit(f"/box-office/holds/{page.url.rpartition('/')[2]}/confirm")
    page = await visitor.open("/box-office/reservations?q=blue")
    assert "Blue coat" in page.text


async def test_a_form_that_is_sent_twice_sells_once(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    shown = await _choose(visitor)
    path = f"/box-office/sale/{cinema.showtime_id}"
    first = await visitor.submit(path, seats="A1-2")
    visitor.page = shown
    again = await visitor.submit(path, seats="A1-2")
    assert (again.url, again.status) == (first.url, 200)
    confirm = f"/box-office/holds/{first.url.rpartition('/')[2]}/confirm"
    await visitor.submit(confirm)
    visitor.page = first
    page = await visitor.submit(confirm)
    assert "Sold:" in page.text
    assert await _statuses(api, cinema) == {"booked": 2, "available": 48}


async def test_two_sellers_at_the_same_seats_sell_them_once(api: Api) -> None:
    cinema = await _cinema(api)
    sellers = [await _seller(api), await _seller(api)]
    for visitor in sellers:
        await _choose(visitor)
    path = f"/box-office/sale/{cinema.showtime_id}"
    pages = await asyncio.gather(*(visitor.submit(path, seats="A1-4") for visitor in sellers))
    assert sorted(page.status for page in pages) == [200, 409]
    assert await _statuses(api, cinema) == {"held": 4, "available": 46}


async def test_held_seats_are_released_to_choose_again(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    await _choose(visitor)
    page = await visitor.submit(f"/box-office/sale/{cinema.showtime_id}", seats="A1")
    page = await visitor.submit(f"/box-office/holds/{page.url.rpartition('/')[2]}/release")
    assert page.form(f"/box-office/sale/{cinema.showtime_id}")
    assert await _statuses(api, cinema) == {"available": 50}


async def test_a_number_is_that_of_the_list_as_it_was_shown(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _seller(api)
    await visitor.open("/box-office")
    other = await _cinema(api)  # it is in the list now, before or after the first
    page = await visitor.submit("/box-office/showtime", number="1")
    assert page.form(f"/box-office/sale/{cinema.showtime_id}")
    page = await _choose(visitor, "3")
    assert "There is no showtime with this number" in page.text
    assert page.text.count("50 seats left") == 2
    assert f"/box-office/sale/{other.showtime_id}" in page.links


async def test_showtimes_to_come_are_listed_before_those_that_have_begun(api: Api) -> None:
    begun = await _cinema(api)
    times = slot(24)
    later = await api.showtime(begun.movie_id, begun.auditorium_id, **times)
    ended = slot(-5) | {"sales_end_at": slot(-4)["starts_at"]}
    await api.showtime(begun.movie_id, (await api.auditorium())[0], **ended)
    visitor = await _seller(api)
    page = await visitor.open("/box-office")
    assert [link for link in page.links if "/sale/" in link] == [f"/box-office/sale/{begun.showtime_id}"]
    page = await visitor.open(f"/box-office?day={times['starts_at'][:10]}")
    assert [link for link in page.links if "/sale/" in link] == [f"/box-office/sale/{later}"]


async def test_the_cinema_is_chosen_once_for_the_browser(api: Api) -> None:
    await _cinema(api)
    other = await api.make("/admin/cinemas", {"name": "Second House", "timezone": "Asia/Tokyo"})
    room, _ = await api.auditorium(cinema_id=other["id"], name="Tokyo Room")
    begins = {**slot(-0.1), "sales_end_at": slot(1)["starts_at"]}
    await api.showtime(await api.movie(), room, **begins)
    visitor = await _seller(api)
    await visitor.open("/box-office")
    page = await visitor.submit("/box-office/cinema", cinema_id=str(other["id"]))
    assert "Tokyo Room" in page.text
    assert "Tokyo Room" in (await visitor.open("/box-office")).text


async def test_a_day_without_sales_leads_on_to_the_next_one_that_has_showtimes(api: Api) -> None:
    cinema = await api.cinema(**slot(24 * 9))
    visitor = await _seller(api)
    page = await visitor.open("/box-office")
    [day] = re.findall(r'href="/box-office[?]day=([0-9-]+)"[^>]*>Go on to', page.html)
    await visitor.open(f"/box-office?day={day}")
    assert f"/box-office/sale/{cinema.showtime_id}" in visitor.page.links


async def test_only_staff_open_the_box_office(api: Api) -> None:
    visitor = await visitor_of(api)
    assert (await visitor.open("/box-office")).heading == "Sign in"
    await visitor.sign_in(await api.sign_up())
    assert (await visitor.open("/box-office")).status == 403
