"""What is on, in a browser: the list follows the filters without a reload, and posters are pictures."""

import re
from dataclasses import replace

from playwright.async_api import Page, expect

from tests.api import Api
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.conftest import NewPage

CARDS = ".film-card h3"


async def _mark(page: Page) -> None:
    """Leave something in the page that a reload would lose."""
    await page.evaluate("window.notReloaded = true")


async def _is_marked(page: Page) -> bool:
    return bool(await page.evaluate("window.notReloaded === true"))


async def test_a_filter_changes_the_list_and_the_address_without_a_reload(page: Page, api: Api) -> None:
    await page.goto("/")
    await _mark(page)
    genres = page.get_by_label("Genre")
    await genres.focus()
    await genres.select_option("Animation")
    await expect(page).to_have_url(re.compile(r"[?&]genre=Animation"))
    await expect(page.locator(".film-card .facts").first).to_contain_text("Animation")
    found = await page.locator(CARDS).count()
    words = "1 film" if found == 1 else f"{found} films"
    await expect(page.get_by_role("status")).to_contain_text(re.compile(rf": {words}$"))
    assert await _is_marked(page)
    await expect(genres).to_be_focused()
    movies = (await api.call("GET", "/movies?genre=animation&now_showing=true&limit=200")).json["items"]
    assert set(await page.locator(CARDS).all_inner_texts()) <= {movie["title"] for movie in movies}


async def test_a_search_finds_while_it_is_typed_and_keeps_the_focus(page: Page) -> None:
    await page.goto("/")
    titles = await page.locator(CARDS).all_inner_texts()
    title = next(each for each in titles if sum(each in other for other in titles) == 1)  # tests make films of one name
    await _mark(page)
    search = page.get_by_role("searchbox")
    await search.press_sequentially(title.upper())
    await expect(page.locator(CARDS)).to_have_text([title])
    await expect(search).to_be_focused()
    await expect(search).to_have_value(title.upper())
    assert await _is_marked(page)


async def test_back_leads_to_the_list_of_before(page: Page) -> None:
    await page.goto("/")
    before = await page.locator(CARDS).all_inner_texts()
    await page.get_by_role("searchbox").fill("no film is called this")
    await expect(page.locator(CARDS)).to_have_count(0)
    await expect(page.get_by_text("Nothing on this day fits your filters.")).to_be_visible()
    await page.go_back()
    await expect(page.locator(CARDS)).to_have_text(before)


async def test_the_days_keep_a_filter_that_was_chosen_without_a_reload(page: Page) -> None:
    await page.goto("/")
    await page.get_by_label("Cinema").select_option(label="Lichtburg")
    await expect(page).to_have_url(re.compile(r"[?&]cinema=\d+"))
    await expect(page.locator("#days a").last).to_have_attribute("href", re.compile(r"cinema=\d+"))
    await page.locator("#days a").last.click()
    await expect(page.locator("#days a").last).to_have_attribute("aria-current", "date")
    await expect(page.get_by_label("Cinema")).to_have_value(re.compile(r"\d+"))


async def test_everything_is_found_without_javascript(new_page: NewPage) -> None:
    page = await new_page(replace(PHONE, javascript=False))
    await page.goto("/")
    await page.get_by_label("Genre").select_option("Animation")
    await page.get_by_role("button", name="Show").click()
    await expect(page).to_have_url(re.compile(r"[?&]genre=Animation"))
    await expect(page.locator(".film-card .facts").first).to_contain_text("Animation")
    await page.locator(".film-card h3 a").first.click()
    await expect(page).to_have_url(re.compile(r"/films/\d+"))
    await page.locator("a.showtime").first.click()
    await expect(page).to_have_url(re.compile(r"/book/\d+"))


async def test_the_first_posters_are_drawn_and_nothing_moves_when_they_arrive(new_page: NewPage) -> None:
    page = await new_page(DESKTOP)
    await page.add_init_script(
        """window.shifts = [];
        new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(each => each.value)))
            .observe({type: "layout-shift", buffered: true});"""
    )
    await page.goto("/")
    first = page.locator("img.poster").first
    await page.wait_for_function("document.querySelector('img.poster').complete")
    assert await first.evaluate("each => [each.naturalWidth, each.naturalHeight]") == [400, 600]
    assert sum(await page.evaluate("window.shifts")) < 0.1


async def test_the_first_load_is_light(new_page: NewPage) -> None:
    page = await new_page(PHONE)
    await page.goto("/", wait_until="load")
    sizes = await page.evaluate(
        "performance.getEntries().filter(each => 'encodedBodySize' in each).map(each => each.encodedBodySize)"
    )
    assert sum(sizes) < 150_000
