"""The door in a browser: tickets before the camera, which the test stands in for, and without a connection."""

from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.api import Api, Person
from tests.browser.chromium import DESKTOP, PHONE, context_of
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import begin_session
from tests.browser.test_reservation import room_of
from tests.tickets.sold import check_in, sell, tickets

# A camera whose picture is a canvas, and a detector that sees what the test has put into `window.seen`.
CAMERA = """
  window.seen = "";
  window.BarcodeDetector = class { async detect() { return window.seen ? [{rawValue: window.seen}] : [] } };
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement("canvas");
    canvas.getContext("2d").fillRect(0, 0, 10, 10);
    return canvas.captureStream(5);
  };
"""


async def sold_tickets(api: Api, count: int) -> tuple[int, list[dict[str, Any]], Person]:
    """A showtime, tickets for its first seats, and one of the staff."""
    cinema, person = await room_of(api), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:count])
    return cinema.showtime_id, await tickets(api, person, reservation_id), await api.staff()


async def told(page: Page, heading: str, detail: str = "") -> None:
    result = page.get_by_role("region", name="Result").get_by_role("status")
    await expect(result).to_contain_text(heading)
    await expect(result).to_contain_text(detail)


async def test_the_camera_checks_each_ticket_in_once(api: Api, new_page: NewPage) -> None:
    showtime_id, [first, second], staff = await sold_tickets(api, 2)
    page = await new_page(PHONE)
    await page.add_init_script(CAMERA)
    await begin_session(page, api, staff)
    await page.goto(f"/door/{showtime_id}")
    await page.get_by_role("button", name="Use the camera").click()

    for ticket, seat in ((first, "Row A, seat 1"), (second, "Row A, seat 2")):
        await page.evaluate("payload => { window.seen = payload }", ticket["qr_payload"])
        await told(page, "Come in", seat)
    await expect(page.locator("[data-checked-in]")).to_have_text("2")
    await page.evaluate("payload => { window.seen = payload }", first["qr_payload"])
    await told(page, "Checked in before", "At ")
    assert await violations(page) == []


async def test_a_typed_code_is_checked_without_loading_the_page_again(api: Api, new_page: NewPage) -> None:
    showtime_id, [ticket], staff = await sold_tickets(api, 1)
    page = await new_page(DESKTOP)
    await begin_session(page, api, staff)
    await page.goto(f"/door/{showtime_id}")
    await page.evaluate("() => { window.isSame = true }")

    for heading in ("Come in", "Checked in before"):
        await page.get_by_label("Code of the ticket").fill(ticket["code"])
        await page.keyboard.press("Enter")
        await told(page, heading)
        await expect(page.get_by_label("Code of the ticket")).to_be_focused()
    assert await page.evaluate("() => window.isSame")
    assert await violations(page) == []


async def test_without_a_connection_signed_tickets_are_let_in_and_sent_later(
    api: Api, browser: Browser, service: str
) -> None:
    """A context of its own: requests that fail are errors in its console."""
    showtime_id, [first, second], staff = await sold_tickets(api, 2)
    other_showtime, [elsewhere], _ = await sold_tickets(api, 1)
    assert other_showtime != showtime_id
    async with await context_of(browser, service, DESKTOP) as context:
        page = await context.new_page()
        await begin_session(page, api, staff)
        await page.goto(f"/door/{showtime_id}")
        await page.wait_for_function("() => localStorage.getItem('ticket-keys')")
        await context.set_offline(True)

        async def scan(code: str) -> None:
            await page.get_by_label("Code of the ticket").fill(code)
            await page.keyboard.press("Enter")

        head, claims, signature = first["qr_payload"].split(".")
        for code, heading in (
            (first["qr_payload"], "Come in (without a connection)"),
            (first["qr_payload"], "Checked in before"),
            (second["qr_payload"], "Come in (without a connection)"),
            (elsewhere["qr_payload"], "Another showtime"),
            (f"{head}.{claims}.{signature[::-1]}", "No ticket of this cinema"),
            (second["code"], "Cannot be checked without a connection"),
        ):
            await scan(code)
            await told(page, heading)
        await expect(page.get_by_text("not sent yet: 2")).to_be_visible()
        assert (await check_in(api, await api.staff(), second["code"])).status == 200  # at another door meanwhile

        await context.set_offline(False)

        await expect(page.get_by_text("not sent yet")).to_be_hidden()
        await expect(page.locator("[data-conflict-list]")).to_contain_text("A2: Checked in before.")
        assert (await check_in(api, staff, first["code"])).code == "already_checked_in"
        assert (await check_in(api, staff, elsewhere["code"])).status == 200


async def test_the_tickets_of_a_reservation_are_printed_with_their_codes(api: Api, new_page: NewPage) -> None:
    cinema, person = await room_of(api), await api.sign_up()
    reservation_id = await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2])
    page = await new_page(PHONE)
    await begin_session(page, api, person)
    await page.goto(f"/my/reservations/{reservation_id}/tickets")
    codes = page.get_by_role("img", name="QR code of the ticket")
    await expect(codes).to_have_count(2)
    assert await codes.evaluate_all("images => Promise.all(images.map(each => each.decode())).then(() => true)")
    assert await violations(page) == []

    await page.emulate_media(media="print", color_scheme="dark")

    await expect(codes.first).to_be_visible()
    await expect(page.locator(".entry-code p").first).to_have_css("color", "rgb(0, 0, 0)")
    for hidden in (".site-header", ".site-footer", ".ticket-links"):
        await expect(page.locator(hidden)).to_be_hidden()
