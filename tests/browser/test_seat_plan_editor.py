"""The seat plan drawn with mouse and keyboard: what is drawn is the text, and the text is the server's."""

from pathlib import Path
from random import Random

import pytest
from playwright.async_api import Locator, Page, expect

import reservation.web
from reservation.web.seat_plan.planned_seats import Kind, PlannedSeat
from reservation.web.seat_plan.text_writer import write_plan
from tests.api import Api
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import sign_in

SCRIPT = Path(reservation.web.__file__).parent / "static/seat_plan_text.js"
LEGEND = "A = regular 1.00\n\n"


async def _editor(page: Page, api: Api, text: str) -> tuple[int, Locator]:
    """The editor of a new room, with this text."""
    cinema_id = (await api.call("GET", "/cinemas")).json["items"][0]["id"]
    room = await api.make("/admin/auditoriums", {"name": "A Room", "capacity": 100, "cinema_id": cinema_id})
    await sign_in(page, await api.admin())
    await page.goto(f"/manage/rooms/{room['id']}/seats")
    await _text(page).fill(text)
    return room["id"], page.get_by_role("grid")


def _text(page: Page) -> Locator:
    return page.get_by_label("The plan as text")


def _place(page: Page, x: int, y: int) -> Locator:
    return page.locator(f"#place-{x}-{y}")


async def test_a_room_is_typed_in_the_grid_checked_and_saved(page: Page, api: Api) -> None:
    room_id, grid = await _editor(page, api, "")
    await grid.focus()
    await page.keyboard.type("AA_p")
    await page.keyboard.press("Enter")
    await page.keyboard.type("WC")
    legend = "A = regular 1.00\nC = companion 1.00\nP = premium 1.00\nW = wheelchair 1.00\n\n"
    await expect(_text(page)).to_have_value(f"{legend}A: AA_P\nB: WC\n")
    await expect(_place(page, 4, 1)).to_have_attribute("aria-label", "Row A, seat 3, premium")
    await page.get_by_role("button", name="Check and show what changes").click()
    await expect(page.get_by_text("5 seats are added: A 1\u20133 \u00b7 B 1\u20132")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="Save the plan").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    seats = (await api.call("GET", f"/auditoriums/{room_id}/layout")).json["seats"]
    assert [(seat["row_label"], seat["seat_number"], seat["x"], seat["y"]) for seat in seats] == [
        ("A", 1, 1, 1),
        ("A", 2, 2, 1),
        ("A", 3, 4, 1),
        ("B", 1, 1, 2),
        ("B", 2, 2, 2),
    ]


async def test_places_are_selected_by_keyboard_changed_and_undone(page: Page, api: Api) -> None:
    _, grid = await _editor(page, api, "A: AAA\nB: AAA")
    await grid.focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
        await page.keyboard.press(key)
    await expect(page.locator("[aria-selected=true]")).to_have_count(4)
    await expect(grid).to_have_attribute("aria-activedescendant", "place-3-2")
    await page.keyboard.press("Delete")
    await expect(_text(page)).to_have_value(f"{LEGEND}A: A\nB: A\n")
    await page.keyboard.press("Control+z")
    await expect(_text(page)).to_have_value("A: AAA\nB: AAA")
    await page.keyboard.press("Control+y")
    await expect(_text(page)).to_have_value(f"{LEGEND}A: A\nB: A\n")


async def test_a_drag_selects_and_a_button_changes_the_kind(page: Page, api: Api) -> None:
    await _editor(page, api, "P = premium 1.50\nA: AAA\nB: AAA")
    await _place(page, 1, 1).hover()
    await page.mouse.down()
    await _place(page, 2, 2).hover()
    await page.mouse.up()
    await page.get_by_role("button", name="premium \u00d7 1.50").click()
    await expect(_text(page)).to_have_value("A = regular 1.00\nP = premium 1.50\n\nA: PPA\nB: PPA\n")


async def test_places_and_lines_are_inserted_and_rows_numbered_and_renamed(page: Page, api: Api) -> None:
    await _editor(page, api, "A: AAA\nB: AAA")
    await _place(page, 2, 2).click()
    await page.keyboard.press("Insert")
    await page.keyboard.press("Shift+Insert")
    await expect(_text(page)).to_have_value(f"{LEGEND}A: AAA\n\nB: A_AA\n")
    await _place(page, 1, 3).click()
    await page.get_by_role("button", name="Number from the right").click()
    await expect(_text(page)).to_have_value(f"{LEGEND}A    : AAA\n\nB 3-1: A_AA\n")
    await page.get_by_text("Another kind of seat").click()
    await page.get_by_label("Row label").fill("f")
    await page.keyboard.press("Enter")
    await expect(_text(page)).to_have_value(f"{LEGEND}A    : AAA\n\nF 3-1: A_AA\n")
    await page.get_by_label("Letter").fill("V")
    await page.get_by_label("Type").fill("vip")
    await page.get_by_label("Factor on the price").fill("2")
    await page.keyboard.press("Enter")
    text = "A = regular 1.00\nV = vip 2.00\n\nA    : AAA\n\nF 3-1: V_AA\n"
    await expect(_text(page)).to_have_value(text)


async def test_a_text_with_a_mistake_stops_the_drawing_until_it_is_mended(new_page: NewPage, api: Api) -> None:
    page = await new_page(statuses={422})
    _, grid = await _editor(page, api, "A: AAX")
    await expect(grid).to_be_hidden()
    await expect(page.get_by_text("The text has a mistake.")).to_be_visible()
    await expect(page.get_by_role("button", name="Insert place")).to_be_disabled()
    await page.get_by_role("button", name="Check and show what changes").click()
    await expect(page.get_by_text("Line 1, place 6: \u201cX\u201d is not in the legend")).to_be_visible()
    assert await violations(page) == []
    await _text(page).fill("A: AAA")
    await expect(_place(page, 3, 1)).to_have_attribute("aria-label", "Row A, seat 3, regular")


@pytest.mark.parametrize("seed", [1, 2])
async def test_script_and_server_write_the_same_text(new_page: NewPage, seed: int) -> None:
    page = await new_page()
    await page.goto("/sign-in")
    texts = [write_plan(_any_plan(Random(f"{seed}.{number}"))) for number in range(100)]
    source = SCRIPT.read_text().replace("export ", "")
    written = await page.evaluate(
        f"texts => {{ {source}; return texts.map(text => writePlan(readPlan(text))); }}", texts
    )
    assert written == texts


def _any_plan(random: Random) -> list[PlannedSeat]:
    """Seats of all sorts, with and without places, near and far."""
    seats: dict[tuple[str, int], PlannedSeat] = {}
    places: set[tuple[int, int]] = set()
    for _ in range(random.randint(0, 60)):
        row, number = random.choice(["A", "B", "C", "AA", "ZY"]), random.choice([1, 2, 3, 4, random.randint(1, 1000)])
        kind = Kind(
            random.choice(["regular", "premium", "companion", "vip", "love-seat"]), random.choice(["1.00", "0.07"])
        )
        near, far = (random.randint(-2, 40), random.randint(-2, 9)), (random.randint(-90_000, 90_000), 4)
        place = random.choice([None, near, near, near, far])
        if (row, number) not in seats and place not in places:
            seats[row, number] = PlannedSeat(row, number, kind, *(place or (None, None)))
            if place is not None:
                places.add(place)
    return list(seats.values())
