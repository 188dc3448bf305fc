"""My reservations: the list, and the page of one in each of its states."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.api import Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.web.visitor import Page, Visitor, visitor_of


@dataclass(slots=True)
class Customer:
    """A person with a browser, who books in one cinema."""

    api: Api
    person: Person
    visitor: Visitor
    cinema: Cinema

    async def held(self, *seats: int) -> str:
        """Hold seats, by their places in the room; gives the address of the reservation's page."""
        held = await self.api.hold(self.person, self.cinema.showtime_id, [self.cinema.seat_ids[each] for each in seats])
        assert held.status == 201, held.text
        return f"/my/reservations/{held.json['id']}"

    async def sold(self, *seats: int) -> str:
        """Hold and confirm seats; gives the address of the reservation's page."""
        address = await self.held(*seats)
        assert (await self.api.confirm(self.person, address.rpartition("/")[2])).status == 200
        return address

    async def reservation(self, address: str) -> "dict[str, object]":
        """What the API says."""
        found = await self.api.call("GET", address.removeprefix("/my"), who=self.person)
        assert isinstance(found.json, dict)
        return found.json


async def customer_of(api: Api, **showtime: object) -> Customer:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    return Customer(api, person, visitor, await api.cinema(**showtime))  # type: ignore[arg-type]


async def expire(db: Connection, address: str) -> None:
    """Let a hold have expired."""
    await db.execute(
        "update reservations set expires_at = created_at + interval '1 us' where id = $1", address.rpartition("/")[2]
    )


async def test_a_hold_is_shown_with_its_seats_total_and_end_and_is_confirmed(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.held(0, 1)
    page = await customer.visitor.open(address)
    assert (page.status, page.heading) == (200, "A Film")
    for text in (
        "Held for you",
        "Row A, seat 1",
        "Row A, seat 2",
        "$20.00",
        "The seats are held for you until",
        "10 minutes",
    ):
        assert text in page.text
    showtime = customer.cinema.showtime_id
    reservation_id = address.rpartition("/")[2]
    assert f"/book/{showtime}?add_to={reservation_id}" in page.links
    assert f"/book/{showtime}?exchange={reservation_id}" in page.links
    page = await customer.visitor.submit(f"{address}/confirm")
    assert "Thank you: the seats are yours." in page.text
    code = str((await customer.reservation(address))["code"])
    assert f"{code[:4]} {code[4:]}" in page.text
    assert "Held for you" not in page.text


async def test_a_hold_is_extended_until_its_longest_life(start_api: StartApi) -> None:
    customer = await customer_of(await start_api(HOLD_TTL_SECONDS="600", HOLD_MAX_SECONDS="600"))
    address = await customer.held(0)
    page = await customer.visitor.open(address)
    assert "The time cannot be extended further." in page.text
    assert f"{address}/extend" not in [form.action for form in page.forms]
    other = await customer_of(await start_api(HOLD_TTL_SECONDS="600", HOLD_MAX_SECONDS="900"))
    address = await other.held(1)
    before = (await other.reservation(address))["expires_at"]
    await other.visitor.open(address)
    page = await other.visitor.submit(f"{address}/extend")
    assert "You have more time now." in page.text
    assert str((await other.reservation(address))["expires_at"]) > str(before)


async def test_a_seat_is_removed_from_a_hold_once(api: Api) -> None:
    customer = await customer_of(api)
    address, seat = await customer.held(0, 1, 2), str(customer.cinema.seat_ids[1])
    first, second = customer.visitor, await visitor_of(api)
    await second.sign_in(customer.person)
    await asyncio.gather(first.open(address), second.open(address))
    page = await first.submit(f"{address}/remove-seat", seat_id=seat)
    assert "The seat has been removed." in page.text
    assert ("Row A, seat 2" in page.text, "$20.00" in page.text) == (False, True)
    page = await second.submit(f"{address}/remove-seat", seat_id=seat)
    assert page.status == 422
    assert "A seat that you chose is not in this reservation any more." in page.text
    await first.submit(f"{address}/remove-seat", seat_id=str(customer.cinema.seat_ids[0]))
    assert f"{address}/remove-seat" not in [form.action for form in first.page.forms]  # the last one is released
    page = await first.submit(f"{address}/release")
    assert "The seats have been released." in page.text
    assert "available" in (await api.statuses(customer.cinema.showtime_id))[customer.cinema.seat_ids[2]]


async def test_an_old_page_of_a_hold_does_not_release_what_is_confirmed(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    await customer.visitor.open(address)
    assert (await api.confirm(customer.person, address.rpartition("/")[2])).status == 200
    page = await customer.visitor.submit(f"{address}/release")
    assert (page.status, "This reservation is confirmed already." in page.text) == (409, True)
    assert (await customer.reservation(address))["status"] == "confirmed"


async def test_a_release_beside_a_confirm_says_what_became_of_the_seats(api: Api) -> None:
    customer = await customer_of(api)
    for seat in range(4):
        address = await customer.held(seat)
        await customer.visitor.open(address)
        reservation_id = address.rpartition("/")[2]
        page, confirmed = await asyncio.gather(
            customer.visitor.submit(f"{address}/release"), api.confirm(customer.person, reservation_id)
        )
        status = (await customer.reservation(address))["status"]
        assert (page.status, confirmed.status, status) in ((409, 200, "confirmed"), (200, 409, "cancelled"))


async def test_a_confirm_that_is_sent_twice_at_once_confirms_once(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    await customer.visitor.open(address)
    second = await visitor_of(api)
    second.cookies, second.page = customer.visitor.cookies, customer.visitor.page
    pages = await asyncio.gather(customer.visitor.submit(f"{address}/confirm"), second.submit(f"{address}/confirm"))
    assert {page.status for page in pages} <= {200, 409}
    assert 200 in {page.status for page in pages}
    assert (await customer.reservation(address))["status"] == "confirmed"


async def test_a_confirmed_reservation_is_cancelled_in_part_and_then_whole(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.sold(0, 1, 2)
    page = await customer.visitor.open(address)
    assert ("Booked" in page.text, "You can exchange or cancel your seats until" in page.text) == (True, True)
    page = await customer.visitor.submit(f"{address}/cancel")
    assert (page.status, "Choose the seats that you want to cancel." in page.text) == (422, True)
    page = await customer.visitor.submit(f"{address}/cancel", seat_id=[str(customer.cinema.seat_ids[1])])
    assert "The seats have been cancelled. The others are still yours." in page.text
    assert ("Row A, seat 2" in page.text, "$20.00" in page.text) == (False, True)
    statuses = await api.statuses(customer.cinema.showtime_id)
    assert [statuses[seat] for seat in customer.cinema.seat_ids[:3]] == ["booked", "available", "booked"]
    page = await customer.visitor.submit(f"{address}/cancel", all="yes")
    assert ("The reservation has been cancelled." in page.text, "You cancelled it on" in page.text) == (True, True)
    assert set((await api.statuses(customer.cinema.showtime_id)).values()) == {"available"}


async def test_a_cancel_of_seats_that_is_sent_twice_cancels_them_once(api: Api) -> None:
    customer = await customer_of(api)
    address, seat = await customer.sold(0, 1, 2), str(customer.cinema.seat_ids[0])
    shown = await customer.visitor.open(address)
    for _ in range(2):
        customer.visitor.page = shown
        page = await customer.visitor.submit(f"{address}/cancel", seat_id=[seat])
        assert (page.status, "The others are still yours." in page.text) == (200, True)
    customer.visitor.page = shown
    page = await customer.visitor.submit(f"{address}/cancel", all="yes")  # the same form with other content
    assert (page.status, "This form has been sent before with other content." in page.text) == (422, True)
    assert len((await customer.reservation(address))["seats"]) == 2  # type: ignore[arg-type]


async def test_the_message_of_a_change_is_not_shown_for_another_status(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    assert "Thank you" not in (await customer.visitor.open(f"{address}?done=confirmed")).text
    assert "The seats have been exchanged." in (await customer.visitor.open(f"{address}?done=exchanged")).text


async def test_a_seat_that_was_cancelled_elsewhere_is_named_and_the_page_stays(api: Api) -> None:
    customer = await customer_of(api)
    address, seat = await customer.sold(0, 1), customer.cinema.seat_ids[0]
    await customer.visitor.open(address)
    path = f"{address.removeprefix('/my')}/cancel"
    assert (await api.call("POST", path, {"seat_ids": [seat]}, who=customer.person)).status == 200
    page = await customer.visitor.submit(f"{address}/cancel", seat_id=[str(seat)])
    assert (page.status, "is not in this reservation any more" in page.text) == (422, True)
    assert ("Row A, seat 1" in page.text, "Row A, seat 2" in page.text) == (False, True)


async def test_the_cutoff_is_said_and_a_form_that_comes_too_late_is_refused(
    start_api: StartApi, db: Connection
) -> None:
    customer = await customer_of(await start_api(CANCEL_CUTOFF_MINUTES="60"))
    address = await customer.sold(0)
    await customer.visitor.open(address)
    starts_at = datetime.now(UTC) + timedelta(minutes=30)
    await db.execute(
        "update showtimes set starts_at = $2, ends_at = $3 where id = $1",
        customer.cinema.showtime_id, starts_at, starts_at + timedelta(hours=2),
    )  # fmt: skip
    page = await customer.visitor.submit(f"{address}/cancel", all="yes")
    assert (page.status, "It is too late to cancel or change this reservation." in page.text) == (409, True)
    assert "Seats could be exchanged or cancelled until" in page.text
    assert f"{address}/cancel" not in [form.action for form in page.forms]
    assert (await customer.reservation(address))["status"] == "confirmed"


async def test_an_expired_hold_is_confirmed_late_while_its_seats_are_free(api: Api, db: Connection) -> None:
    customer = await customer_of(api)
    address = await customer.held(0, 1)
    await expire(db, address)
    page = await customer.visitor.open(address)
    assert ("Expired" in page.text, f"/book/{customer.cinema.showtime_id}" in page.links) == (True, True)
    page = await customer.visitor.submit(f"{address}/confirm")
    assert ("Booked" in page.text, "the seats were still free" in page.text) == (True, True)


async def test_an_old_page_of_an_expired_hold_extends_and_cancels_nothing(api: Api, db: Connection) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    shown = await customer.visitor.open(address)
    await expire(db, address)
    for change in ("extend", "release"):
        customer.visitor.page = shown
        page = await customer.visitor.submit(f"{address}/{change}")
        assert (page.status, "The time to confirm has passed" in page.text) == (410, True), change
        assert f"/book/{customer.cinema.showtime_id}" in page.links
    assert (await customer.reservation(address))["status"] == "expired"


async def test_a_late_confirm_whose_seats_are_taken_says_so_and_leads_to_the_seats(
    api: Api, db: Connection, redis_url: str
) -> None:
    customer, rival = await customer_of(api), await api.sign_up()
    address = await customer.held(0, 1)
    await customer.visitor.open(address)
    await expire(db, address)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
    taken = await api.hold(rival, customer.cinema.showtime_id, customer.cinema.seat_ids[1:2])
    assert (await api.confirm(rival, taken.json["id"])).status == 200
    page = await customer.visitor.submit(f"{address}/confirm")
    assert (page.status, "The time to confirm has passed" in page.text) == (410, True)
    assert f"/book/{customer.cinema.showtime_id}" in page.links
    assert f"{address}/confirm" in [form.action for form in page.forms]


async def test_a_showtime_that_the_cinema_cancels_shows_the_reason(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.sold(0)
    path = f"/admin/showtimes/{customer.cinema.showtime_id}/cancel"
    assert (await api.call("POST", path, {"reason": "The projector is broken"}, who=await api.admin())).status == 200
    page = await customer.visitor.open(address)
    assert "The cinema has cancelled this showtime" in page.text
    assert "The projector is broken" in page.text
    assert "Showtime cancelled" in (await customer.visitor.open("/my/reservations")).text


async def test_a_reservation_that_the_box_office_cancels_says_by_whom(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.sold(0)
    path = f"/admin{address.removeprefix('/my')}/cancel"
    assert (await api.call("POST", path, {"reason": "R"}, who=await api.staff())).status == 200
    assert "The box office cancelled it on" in (await customer.visitor.open(address)).text


async def test_another_showtime_of_the_film_is_offered_for_an_exchange(api: Api) -> None:
    customer = await customer_of(api)
    later = await api.showtime(customer.cinema.movie_id, customer.cinema.auditorium_id, **slot(48))
    address = await customer.sold(0)
    page = await customer.visitor.open(address)
    assert f"/book/{later}?exchange={address.rpartition('/')[2]}" in page.links


async def test_a_reservation_of_somebody_else_is_404_for_every_customer_and_for_staff(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    for other in (await api.sign_up(), await api.staff(), await api.admin()):
        visitor = await visitor_of(api)
        await visitor.sign_in(other)
        page = await visitor.open(address)
        assert (page.status, "A Film" in page.text) == (404, False)
        await visitor.open("/")
        for change in ("confirm", "extend", "release", "cancel", "remove-seat"):
            page = await visitor.send(f"{address}/{change}", all="yes")
            assert page.status == 404, change
    assert (await customer.reservation(address))["status"] == "held"


async def test_staff_have_reservations_of_their_own(api: Api) -> None:
    staff, visitor, cinema = await api.staff(), await visitor_of(api), await api.cinema()
    held = await api.hold(staff, cinema.showtime_id, cinema.seat_ids[:1])
    await visitor.sign_in(staff)
    page = await visitor.open(f"/my/reservations/{held.json['id']}")
    assert "Held for you" in page.text
    page = await visitor.submit(f"/my/reservations/{held.json['id']}/confirm")
    assert "Booked" in page.text


@pytest.mark.parametrize("change", ["confirm", "extend", "release", "cancel", "remove-seat"])
async def test_the_address_of_a_change_opened_by_itself_shows_the_reservation(api: Api, change: str) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    page = await customer.visitor.open(f"{address}/{change}")
    assert page.url.endswith(address)


async def test_a_reservation_that_there_is_not_is_404(api: Api) -> None:
    customer = await customer_of(api)
    customer.visitor.headers["Accept"] = "text/html"
    for address in (f"/my/reservations/{uuid4()}", "/my/reservations/7", f"/my/reservations/{'-' * 36}"):
        assert (await customer.visitor.open(address)).status in (404, 422)


async def test_the_list_has_held_upcoming_and_past_ones_and_goes_on(api: Api, db: Connection) -> None:
    customer = await customer_of(api, rows=5)
    assert "You have no tickets yet." in (await customer.visitor.open("/my/reservations")).text
    expired = await customer.held(10)
    await expire(db, expired)
    held, sold = await customer.held(0), await customer.sold(1, 2)
    page = await customer.visitor.open("/my/reservations")
    for title, address in (
        ("Waiting for you to confirm", held), ("Upcoming", sold), ("Past, cancelled and expired", expired)
    ):  # fmt: skip
        assert title in page.text
        assert address in page.links
    assert [link for link in page.links if link in (held, sold, expired)] == [held, sold, expired]
    for _ in range(20):
        await customer.held(20)
        [newest] = (await api.call("GET", "/reservations?limit=1", who=customer.person)).json["items"]
        await api.cancel(customer.person, newest["id"])
    page = await customer.visitor.open("/my/reservations")
    assert held not in page.links
    [more] = [link for link in page.links if "cursor=" in link]
    page = await customer.visitor.open(more)
    assert {held, sold, expired} <= set(page.links)
    assert not [link for link in page.links if "cursor=" in link]


async def test_the_list_of_another_customer_is_another_list(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.sold(0)
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.sign_up())
    page = await visitor.open("/my/reservations")
    assert address not in page.links


async def test_after_the_sign_out_no_cache_has_the_page_and_the_server_refuses_it(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.sold(0)
    page: Page = await customer.visitor.open(address)
    assert page.headers["Cache-Control"] == "no-store"
    await customer.visitor.submit("/sign-out")
    page = await customer.visitor.open(address)
    assert (page.heading, "A Film" in page.text) == ("Sign in", False)


async def test_a_session_that_ends_on_the_page_goes_on_there_after_the_sign_in(api: Api) -> None:
    customer = await customer_of(api)
    address = await customer.held(0)
    await customer.visitor.open(address)
    for session in (await api.call("GET", "/auth/sessions", who=customer.person)).json["items"]:
        await api.call("DELETE", f"/auth/sessions/{session['id']}", who=customer.person)
    page = await customer.visitor.submit(f"{address}/confirm")
    assert page.heading == "Sign in"
    page = await customer.visitor.submit("/sign-in", email=customer.person.email, password="correct horse battery")
    assert page.url.endswith(address)
