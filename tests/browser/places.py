"""All pages of the site: how each is opened, by whom, and about what."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from playwright.async_api import Page

from reservation.http.routes import Access
from reservation.web.pages import TABLES
from reservation.web.pages.door import SHOWTIME as DOOR
from reservation.web.pages.reservations import PATH as RESERVATION
from tests.api import Api, Person, slot
from tests.browser.people import begin_session

PATTERN = re.compile(r"(?<=\w):(?:[^{}]|\{[^{}]*\})*(?=\})")  # of a parameter in a route


def named(path: str) -> str:
    """A route's path without the patterns of its parameters."""
    return PATTERN.sub("", path)


ROUTES = {named(page.path): page for table in TABLES for page in table.pages if page.method == "GET"}
# What a route with a parameter, or with several states, is opened as; names in braces are fields of Made.
ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "/": ("/", "/?q=no+film+is+called+this", "/?cinema={cinema_id}"),
    "/book/{showtime_id}": (
        *("/book/{showtime_id}", "/book/{showtime_id}?seat_id={free_seat_id}"),
        "/book/{before_sale_id}",  # asks to sign in
    ),
    "/book/{showtime_id}/tickets": ("/book/{showtime_id}/tickets?seat_id={free_seat_id}",),
    "/box-office/holds/{reservation_id}": ("/box-office/holds/{held_id}",),
    "/box-office/reservations/{reservation_id}": ("/box-office/reservations/{sold_id}",),
    "/box-office/sale/{showtime_id}": ("/box-office/sale/{showtime_id}",),
    named(DOOR): ("/door/{showtime_id}",),
    "/films/{movie_id}": ("/films/{movie_id}",),
    "/manage/api-keys/{api_key_id}": ("/manage/api-keys/{api_key_id}",),
    "/manage/cinemas/{thing_id}": ("/manage/cinemas/{cinema_id}",),
    "/manage/films/{thing_id}": ("/manage/films/{movie_id}",),
    "/manage/reports": ("/manage/reports", "/manage/reports?by=showtime"),
    "/manage/reports/showtimes/{showtime_id}": ("/manage/reports/showtimes/{showtime_id}",),
    "/manage/rooms/{auditorium_id}/seats": ("/manage/rooms/{auditorium_id}/seats",),
    "/manage/rooms/{thing_id}": ("/manage/rooms/{auditorium_id}",),
    "/manage/showtimes/{showtime_id}": ("/manage/showtimes/{showtime_id}",),
    "/manage/showtimes/{showtime_id}/blocks": ("/manage/showtimes/{showtime_id}/blocks",),
    "/manage/showtimes/{showtime_id}/cancel": ("/manage/showtimes/{showtime_id}/cancel",),
    "/manage/ticket-types/{thing_id}": ("/manage/ticket-types/{ticket_type_id}",),
    "/manage/webhooks/{thing_id}": ("/manage/webhooks/{webhook_id}",),
    "/manage/webhooks/{webhook_id}/deliveries": ("/manage/webhooks/{webhook_id}/deliveries",),
    "/manage/users/{user_id}": ("/manage/users/{user_id}",),
    named(RESERVATION): ("/my/reservations/{sold_id}", "/my/reservations/{held_id}"),
    f"{named(RESERVATION)}/tickets": ("/my/reservations/{sold_id}/tickets",),
    f"{named(RESERVATION)}/payment": (),  # leads to the reservation where no payments are taken: test_paying.py
    "/verify-email": (),  # leads a visitor to the sign-in
}
# Of pages for all, those that have something else for a customer.
AS_CUSTOMER = ("/book/{before_sale_id}",)  # waits for the lot; of a place in the queue: test_waiting.py
# Not pages, but pictures and parts of pages; other tests open them.
TICKET_FILES = {f"{named(RESERVATION)}/tickets{name}" for name in (".pdf", ".ics", "/{ticket_id}/qr.svg")}
PARTS: frozenset[str] = frozenset(
    {
        "/my/account/export",
        "/manage/reports/sales.csv",
        "/manage/reports/occupancy.csv",
        "/manage/reports/showtimes/{showtime_id}/sales.csv",
        "/box-office/reservations/{reservation_id}/tickets.pdf",
    }
    | TICKET_FILES
)
FAR_AHEAD_H = 60 * 24  # of a showtime in a room of the demo, which has none then
Who = Literal["visitor", "customer", "staff", "admin"]
WHO: Mapping[Access, Who] = {
    Access.PUBLIC: "visitor",
    Access.SIGNED_IN: "customer",
    Access.STAFF: "staff",
    Access.ADMIN: "admin",
}


@dataclass(frozen=True, slots=True)
class Made:
    """What the pages are about: things of the demo, and what a customer did with them."""

    movie_id: int
    showtime_id: int
    auditorium_id: int
    cinema_id: int
    ticket_type_id: int
    user_id: int
    api_key_id: int
    webhook_id: int
    sold_id: str
    held_id: str
    before_sale_id: int  # a showtime with a waiting room
    free_seat_id: int
    people: Mapping[Who, Person]
    api: Api

    def address(self, address: str) -> str:
        """An address of ADDRESSES, filled in."""
        return address.format_map({name: getattr(self, name) for name in self.__slots__})


async def make(api: Api, customer: Person) -> Made:
    """A sale and a hold of a customer for a showtime of the demo, and one of each other role."""
    staff, admin = await api.staff(), await api.admin()
    showtimes = await api.call("GET", "/showtimes?limit=100")
    types = await api.call("GET", "/ticket-types")
    show = next(each for each in showtimes.json["items"] if each["on_sale_at"] is None)
    free = [seat for seat, status in (await api.statuses(show["id"])).items() if status == "available"]
    sold = await api.hold(customer, show["id"], free[:2])
    assert (await api.confirm(customer, sold.json["id"])).status == 200
    held = await api.hold(customer, show["id"], free[2:3])
    sale = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    words = slot(FAR_AHEAD_H) | {"on_sale_at": sale, "waiting_room": True}
    before_sale_id = await api.showtime(show["movie_id"], show["auditorium_id"], **words)
    key = await api.make("/admin/api-keys", {"name": "Kiosk", "user_id": staff.id, "scopes": ["booking"]})
    hook = await api.make("/admin/webhooks", {"url": "https://till.example/events", "events": ["reservation.held"]})
    await api.call("POST", f"/admin/webhooks/{hook['id']}/test", who=admin)
    return Made(
        movie_id=show["movie_id"],
        showtime_id=show["id"],
        auditorium_id=show["auditorium_id"],
        cinema_id=show["cinema_id"],
        ticket_type_id=types.json["items"][0]["id"],
        user_id=customer.id,
        api_key_id=key["id"],
        webhook_id=hook["id"],
        sold_id=sold.json["id"],
        held_id=held.json["id"],
        before_sale_id=before_sale_id,
        free_seat_id=free[-1],
        people={"customer": customer, "staff": staff, "admin": admin},
        api=api,
    )


def _pages() -> Iterator[tuple[str, Who]]:
    for path, route in ROUTES.items():
        for address in ADDRESSES.get(path, (path,)):
            if path not in PARTS:
                yield address, WHO[route.access]


PAGES: list[tuple[str, Who]] = [*_pages(), *((address, "customer") for address in AS_CUSTOMER)]


async def opened(page: Page, made: Made, who: Who, address: str) -> None:
    """Go to a page as one who may open it."""
    if who in made.people:
        await begin_session(page, made.api, made.people[who])
    response = await page.goto(made.address(address))
    assert response is not None
    assert response.status == 200
