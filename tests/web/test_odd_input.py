"""What no form or link sends, but somebody may: it is refused or left out, and is never a defect (500)."""

import asyncio

import pytest

from tests.api import Api
from tests.web.visitor import Visitor, visitor_of

ENDLESS = "9" * 5000  # more digits than Python reads
HUGE = "9" * 30  # more than 64 bits
NOBODY = "00000000-0000-0000-0000-000000000000"

OPENED = (
    *("/?date=9999-12-31", "/?date=0001-01-01", f"/?cinema={ENDLESS}"),
    *("/manage/showtimes?day=9999-12-31", "/manage/showtimes?day=0001-01-01", "/manage/showtimes/copy?day=9999-12-31"),
    *("/manage/showtimes/new?day=0001-01-01", f"/manage/showtimes/new?auditorium_id={ENDLESS}"),
    *(f"/manage/change-log?who={ENDLESS}", f"/manage/change-log?who={HUGE}", "/manage/change-log?from=9999-12-31"),
    *("/box-office?day=9999-12-31", "/box-office?day=0001-01-01", "/box-office?sold=x"),
    f"/box-office/showtime?number={ENDLESS}&listed=1",
)
ABSENT = (
    *("/box-office/sale/1%2Fseats", "/box-office/sale/x", "/box-office/holds/x%2Fy", "/box-office?sold=x%2Fy"),
    *("/box-office/reservations/..%2Fshowtimes", f"/box-office/reservations/{NOBODY}"),
)
SHOWTIME = {"movie_id": "1", "auditorium_id": "1", "day": "2030-01-01", "time": "20:00", "base_price": "1"}
FILM = {"title": "A", "duration_minutes": "90", "description": ""}
SENT: tuple[tuple[str, dict[str, str]], ...] = (
    ("/manage/films/new", FILM | {"duration_minutes": HUGE}),
    ("/manage/films/new", FILM | {"duration_minutes": ENDLESS}),
    ("/manage/rooms/new", {"cinema_id": HUGE, "name": "A", "capacity": HUGE}),
    ("/manage/rooms/new", {"cinema_id": "1", "name": "A", "capacity": "1", "details": '{"a":' * 300 + "1" + "}" * 300}),
    ("/manage/showtimes/new", SHOWTIME | {"day": "0001-01-01"}),
    ("/manage/showtimes/new", SHOWTIME | {"day": "9999-12-31"}),
    ("/manage/showtimes/new", SHOWTIME | {"minutes": "000090000000000000"}),
    ("/manage/showtimes/new", SHOWTIME | {"movie_id": ENDLESS, "auditorium_id": ENDLESS}),
    ("/manage/showtimes/new", SHOWTIME | {"on_sale_at": "0001-01-01T00:00"}),
    ("/manage/showtimes/new", SHOWTIME | {"on_sale_at": "9999-12-31T23:59-10:00"}),
    ("/manage/showtimes/copy", {"cinema_id": HUGE, "first": "2026-12-01", "last": "2026-12-01", "to": "2026-12-08"}),
    ("/manage/showtimes/1/blocks", {"seats": "A1-9999", "reason": "A"}),
    ("/manage/showtimes/1/unblock", {"seat": HUGE}),
    ("/manage/ticket-types/new", {"name": "A", "price_factor": "1", "position": HUGE}),
    ("/box-office/sale/1", {"seats": "2", "tickets_1": ENDLESS}),
    ("/box-office/sale/1", {"seats": "", "seat_id": ENDLESS}),
    ("/box-office/sale/1", {"seats": "", "seat_id": HUGE}),
)


@pytest.fixture
async def admin(api: Api) -> Visitor:
    """An administrator's browser; the service has one showtime."""
    await api.cinema()
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.admin())
    return visitor


async def test_queries_that_nothing_can_match_are_answered_by_pages(admin: Visitor) -> None:
    answered = {path: (await admin.open(path)).status for path in OPENED}
    assert {path[:60]: status for path, status in answered.items() if status != 200} == {}


FORMS = {
    "/manage/films/7/delete": "/manage/films/7",
    "/manage/showtimes/1/unblock?done=x": "/manage/showtimes/1",
    "/manage/users/2/role": "/manage/users/2",
    f"/my/account/sessions/{NOBODY}/end": "/my/account",
    f"/my/reservations/{NOBODY}/remove-seat": f"/my/reservations/{NOBODY}",
    f"/box-office/holds/{NOBODY}/release": f"/box-office/holds/{NOBODY}",
    "/box-office/cinema": "/box-office",
    "/book/1/best": "/book/1",
    "/sign-out": "/",
    "/language": "/",
}


@pytest.mark.parametrize(("path", "page"), FORMS.items())
async def test_the_address_of_a_form_leads_to_the_page_that_it_is_on(shared_api: Api, path: str, page: str) -> None:
    async with shared_api.client.get(path, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, page)


async def test_the_language_is_switched_on_the_page_of_a_refusal(admin: Visitor) -> None:
    await admin.open("/manage/users")
    [one] = [link for link in admin.page.links if link.startswith("/manage/users/")]
    await admin.open(one)
    refused = await admin.submit(f"{one}/role", role="user")
    assert refused.status == 409
    page = await admin.submit("/language", language="de")
    assert (page.status, page.url) == (200, f"{admin.origin}{one}")


async def test_addresses_of_nothing_are_not_found(admin: Visitor) -> None:
    answered = {path: (await admin.open(path)).status for path in ABSENT}
    assert {path: status for path, status in answered.items() if status != 404} == {}


async def test_forms_with_numbers_and_days_beyond_all_bounds_are_no_defects(admin: Visitor) -> None:
    answered = {}
    for path, fields in SENT:
        await admin.open("/manage")
        answered[path, str(fields)[:80]] = (await admin.send(path, **fields)).status
    assert {sent: status for sent, status in answered.items() if status >= 500} == {}


async def ask(api: Api, line: str, headers: dict[str, str], body: str = "") -> bytes:
    """The answer to a request whose headers are any bytes, which no client library sends."""
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    more = {"Host": f"{api.client.host}:{api.client.port}", "Connection": "close", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {text}\r\n" for name, text in {**more, **headers}.items())
    writer.write(f"{line} HTTP/1.1\r\n{head}\r\n{body}".encode(errors="surrogateescape"))
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Accept-Language", "Cookie", "Referer", "User-Agent"])
async def test_headers_that_are_not_utf_8_do_no_harm(name: str, api: Api) -> None:
    headers = {name: "__Host-access=\udcff; __Host-refresh=\udcff" if name == "Cookie" else "\udcff"}
    for path in ("/", "/sign-in", "/reset-password"):
        assert (await ask(api, f"GET {path}", headers)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["//elsewhere.example/", "/my/account?\udcff"])
async def test_the_page_of_a_form_is_gone_on_at_only_if_it_is_an_address_of_this_site(path: str, api: Api) -> None:
    visitor = await visitor_of(api)
    page, origin = await visitor.open("/sign-in"), str(visitor.origin)
    token = next(text for form in page.forms for name, text in form.fields if name == "form_token")
    headers = {"Origin": origin, "Referer": origin + path, "Cookie": visitor.cookie_header()}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    answer = await ask(api, "POST /my/account/name", headers, f"form_token={token}")
    assert answer.startswith(b"HTTP/1.1 303 ")
    assert b"\r\nLocation: /sign-in?next=%2F\r\n" in answer


async def test_a_page_at_an_address_that_browsers_take_for_another_sites_does_not_lead_there(api: Api) -> None:
    headers = {"Accept": "text/html"}
    answer = (await ask(api, "GET //elsewhere.example/", headers)).decode()
    assert answer.startswith("HTTP/1.1 404 ")
    assert "elsewhere" not in answer
    assert '<input type="hidden" name="next" value="/">' in answer
