"""What is on: days, cinemas, filters, the films of a day, and how full their showtimes are."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reservation.errors import NotFound
from reservation.web.programme import cache as programme
from tests.api import Api
from tests.web.visitor import visitor_of


async def _cinema(api: Api, name: str, timezone: str = "UTC") -> tuple[int, int]:
    """A cinema with one room: their ids."""
    made = await api.make("/admin/cinemas", {"name": name, "timezone": timezone, "address": "1 Main Street"})
    room_id, _ = await api.auditorium(2, 5, cinema_id=made["id"], name=f"{name} 1")
    return made["id"], room_id


def _day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def _noon(days: int, hour: int = 12) -> dict[str, Any]:
    """Noon, or another hour, in UTC in so many days, for half an hour."""
    return {"starts_at": f"{_day(days)}T{hour:02}:00:00Z", "ends_at": f"{_day(days)}T{hour:02}:30:00Z"}


async def test_the_page_begins_with_the_first_day_that_has_showtimes(api: Api) -> None:
    film, (_, room) = await api.movie(title="Northern Lights"), await _cinema(api, "Odeon")
    await api.showtime(film, room, **_noon(3))
    page = await (await visitor_of(api)).open("/")
    assert page.heading == "What’s on"
    assert "Northern Lights" in page.text
    assert f'<a id="day-{_day(3)}" href="/?date={_day(3)}" aria-current="date">' in page.html
    assert f'id="day-{_day(2)}"' not in page.html


async def test_the_strip_has_two_weeks_and_links_the_days_with_showtimes(api: Api) -> None:
    film, (_, room) = await api.movie(title="Northern Lights"), await _cinema(api, "Odeon")
    for days in (1, 4, 13):
        await api.showtime(film, room, **_noon(days))
    visitor = await visitor_of(api)
    page = await visitor.open("/")
    linked = re.findall(r'<a id="day-(\S+)"', page.html)
    assert linked == [_day(1), _day(4), _day(13)]
    assert page.html.count('class="no-day"') == 11
    assert "Today" in page.text
    assert "Tomorrow" in page.text
    assert "Northern Lights" in (await visitor.open(f"/?date={_day(4)}")).text


async def test_a_cinema_is_kept_in_all_links_and_shown_alone(api: Api) -> None:
    first, second = await _cinema(api, "Odeon"), await _cinema(api, "Rex")
    here, there = await api.movie(title="Here"), await api.movie(title="There")
    await api.showtime(here, first[1], **_noon(2))
    await api.showtime(there, second[1], **_noon(2))
    visitor = await visitor_of(api)
    assert "There" in (await visitor.open("/")).text
    page = await visitor.submit("/", cinema=str(second[0]))
    assert "There" in page.text
    assert "Here" not in page.text
    assert f"/?date={_day(2)}&cinema={second[0]}" in page.links
    assert f"/films/{there}?cinema={second[0]}" in page.links


async def test_filters_by_genre_format_language_and_title_narrow_the_films(api: Api) -> None:
    _, room = await _cinema(api, "Odeon")
    comedy = await api.movie(title="Laughing Matter", genres=["Comedy"])
    drama = await api.movie(title="Été à Paris", genres=["Drama"])
    await api.showtime(comedy, room, **_noon(2), format="3D", audio_language="en")
    await api.showtime(drama, room, **_noon(2, 16), format="2D", audio_language="fr", subtitle_language="en")
    visitor = await visitor_of(api)
    page = await visitor.open("/")
    assert "2D, French (English subtitles)" in page.text
    for chosen in ({"genre": "Drama"}, {"format": "2D"}, {"language": "fr"}, {"q": "ete"}):
        await visitor.open("/")
        page = await visitor.submit("/", dict[str, Any](chosen))
        assert "Été à Paris" in page.text, chosen
        assert "Laughing Matter" not in page.text, chosen
        assert ("genre", chosen.get("genre", "")) in page.form("/").fields


async def test_a_day_without_what_is_looked_for_leads_on(api: Api) -> None:
    _, room = await _cinema(api, "Odeon")
    early, late = await api.movie(title="Early"), await api.movie(title="Late")
    await api.showtime(early, room, **_noon(1))
    await api.showtime(late, room, **_noon(5))
    visitor = await visitor_of(api)
    page = await visitor.open(f"/?date={_day(1)}&q=late")
    assert "Nothing on this day fits your filters." in page.text
    assert f"/?date={_day(5)}&q=late" in page.links
    assert f"/?date={_day(1)}" in page.links
    assert f"/films/{late}" in page.links  # on other days
    page = await visitor.open(f"/?date={_day(2)}")
    assert "Nothing is shown on this day." in page.text
    assert f"/?date={_day(5)}" in page.links
    page = await visitor.open(f"/?date={_day(9)}")
    assert f"Go to {datetime.now(UTC) + timedelta(days=1):%A}" in page.text


async def test_a_cinema_without_any_film_says_so(api: Api) -> None:
    page = await (await visitor_of(api)).open("/")
    assert (page.status, "Nothing is shown on this day." in page.text) == (200, True)


async def test_invalid_query_parameters_are_ignored(api: Api) -> None:
    _, room = await _cinema(api, "Odeon")
    await api.showtime(await api.movie(title="Northern Lights"), room, **_noon(1))
    page = await (await visitor_of(api)).open("/?date=yesterday&cinema=99999999999999999999&genre=&x=%00")
    assert (page.status, "Northern Lights" in page.text) == (200, True)


async def test_times_are_those_of_the_cinema(api: Api) -> None:
    _, room = await _cinema(api, "Rex", "Asia/Tokyo")
    await api.showtime(await api.movie(), room, **_noon(2))
    page = await (await visitor_of(api)).open("/")
    assert "9:00 PM" in page.text.replace("\u202f", " ")


async def test_a_day_is_one_of_the_cinemas_time_zone_and_not_of_utc(api: Api) -> None:
    cinema, room = await _cinema(api, "Rex", "Pacific/Kiritimati")
    starts = {"starts_at": f"{_day(2)}T20:00:00Z", "ends_at": f"{_day(2)}T21:00:00Z"}
    await api.showtime(await api.movie(title="Sunrise"), room, **starts)
    visitor = await visitor_of(api)
    assert "Sunrise" in (await visitor.open(f"/?cinema={cinema}&date={_day(3)}")).text
    assert "Nothing is shown on this day." in (await visitor.open(f"/?cinema={cinema}&date={_day(2)}")).text


@pytest.mark.usefixtures("jobs_run")
async def test_how_full_each_showtime_is_is_said_in_words(api: Api) -> None:
    _, room = await _cinema(api, "Odeon")
    film = await api.movie(title="Northern Lights")
    later = datetime.now(UTC) + timedelta(hours=5)
    empty = await api.showtime(film, room, **_noon(2, 9))
    full = await api.showtime(film, room, **_noon(2, 12))
    almost = await api.showtime(film, room, **_noon(2, 15))
    await api.showtime(film, room, **_noon(2, 18), on_sale_at=later.isoformat())
    seats = list(await api.statuses(full))
    for showtime, taken in ((full, seats), (almost, seats[1:])):
        for some in (taken[:5], taken[5:]):
            assert (await api.hold(await api.sign_up(), showtime, some)).status == 201
    await _counted(api, {empty: 10, full: 0, almost: 1})
    text = (await (await visitor_of(api)).open("/")).text
    assert "10 seats left" in text
    assert "Sold out" in text
    assert "Almost full: 1 seat left" in text
    assert "On sale from" in text
    assert "from $10.00" in text


async def _counted(api: Api, left: dict[int, int]) -> None:
    """Wait until the lists have counted the holds."""
    while True:
        items = (await api.call("GET", "/showtimes")).json["items"]
        if left.items() <= {item["id"]: item["seats_left"] for item in items}.items():
            return
        await asyncio.sleep(0.05)


async def test_the_page_is_small_and_loads_what_is_below_the_fold_later(api: Api) -> None:
    _, room = await _cinema(api, "Odeon")
    for hour in range(12):
        await api.showtime(await api.movie(title=f"Film {hour}"), room, **_noon(1, 8 + hour))
    visitor = await visitor_of(api)
    visitor.headers["Accept-Language"] = "de"
    page = await visitor.open("/")
    assert "Platz frei" in page.text or "Plätze frei" in page.text
    assert page.html.count("<img") > page.html.count('loading="lazy"') > 0
    assert len(page.html) < 60_000


async def test_of_a_programme_too_large_to_read_whole_each_day_is_found(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programme, "MAX_SHOWTIMES", 3)
    (cinema, room), (_, other_room) = await _cinema(api, "Odeon"), await _cinema(api, "Rex")
    for days in (1, 2, 3, 6):
        await api.showtime(await api.movie(title=f"Film of day {days}"), room, **_noon(days))
    await api.showtime(await api.movie(title="Elsewhere"), other_room, **_noon(6))
    visitor = await visitor_of(api)
    assert "Film of day 1" in (await visitor.open("/")).text
    assert f"/?date={_day(6)}" in visitor.page.links  # not known, and so taken to have showtimes
    page = await visitor.open(f"/?date={_day(6)}")
    assert "Film of day 6" in page.text
    assert "Elsewhere" in page.text
    page = await visitor.open(f"/?date={_day(6)}&cinema={cinema}")
    assert "Film of day 6" in page.text
    assert "Elsewhere" not in page.text
    assert "Nothing is shown on this day." in (await visitor.open(f"/?date={_day(5)}")).text


async def test_the_address_that_htmx_shows_is_without_empty_fields(api: Api) -> None:
    visitor = await visitor_of(api)
    visitor.headers["HX-Request"] = "true"
    page = await visitor.open(f"/?date={_day(2)}&q=&cinema=&genre=Drama&format=")
    assert page.headers["HX-Push-Url"] == f"/?date={_day(2)}&genre=Drama"
    visitor.headers["HX-History-Restore-Request"] = "true"
    assert "HX-Push-Url" not in (await visitor.open("/?q=")).headers


async def test_a_form_of_an_administrator_has_the_programme_read_anew(api: Api) -> None:
    visitor, administrator = await visitor_of(api), await visitor_of(api)
    await administrator.sign_in(await api.admin())
    await visitor.open("/")
    _, room = await _cinema(api, "Odeon")
    await api.showtime(await api.movie(title="Brand New"), room, **_noon(1))
    await administrator.submit("/language", language="de")  # as after any form
    assert "Brand New" in (await visitor.open("/")).text


async def test_what_all_visitors_see_is_read_once_for_those_who_come_at_one_moment() -> None:
    kept, readings, go_on = programme.Programme(), 0, asyncio.Event()

    async def read() -> int:
        nonlocal readings
        readings += 1
        await go_on.wait()
        return readings

    first, second = (asyncio.create_task(kept.kept("films", read)) for _ in range(2))
    while not readings:
        await asyncio.sleep(0)
    first.cancel()  # its visitor goes away
    go_on.set()
    assert await second == 1
    assert await kept.kept("films", read) == 1


async def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    kept, found, go_on = programme.Programme(), ["before"], asyncio.Event()

    async def read() -> str:
        [seen] = found
        await go_on.wait()
        return seen

    early = asyncio.create_task(kept.kept("films", read))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    found[:] = ["after"]
    kept.clear()
    go_on.set()
    assert await early == "before"
    assert await kept.kept("films", read) == "after"


async def test_a_failed_reading_is_told_to_all_who_wait_for_it_and_tried_again() -> None:
    kept, failures = programme.Programme(), [NotFound()]

    async def read() -> str:
        await asyncio.sleep(0)
        if failures:
            raise failures.pop()
        return "films"

    outcomes = await asyncio.gather(*(kept.kept("films", read) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [NotFound, NotFound]
    assert await kept.kept("films", read) == "films"


async def test_what_is_too_old_is_dropped_when_something_else_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = programme.Programme()

    async def read() -> str:
        return "films"

    await kept.kept("films", read)
    monkeypatch.setattr(programme, "KEEP_S", 0)
    await kept.kept("cinemas", read)
    assert len(kept) == 1


async def test_times_of_several_zones_are_in_the_order_of_the_clock_and_have_their_zone(api: Api) -> None:
    """At the same noon in UTC it is 8 in the evening in Singapore and 5 in the morning in Phoenix."""
    east, west = await _cinema(api, "East", "Asia/Singapore"), await _cinema(api, "West", "America/Phoenix")
    early, late = await api.movie(title="Early"), await api.movie(title="Late")
    await api.showtime(late, east[1], **_noon(2))
    await api.showtime(early, west[1], **_noon(2, 13))
    visitor = await visitor_of(api)
    page = await visitor.open(f"/?date={_day(2)}")
    assert re.search(r"Early.*6:00\sAM MST.*Late.*8:00\sPM UTC\+08", page.text)
    assert "MST" not in (await visitor.open(f"/?date={_day(2)}&cinema={west[0]}")).text
    customer = await api.sign_up()
    await visitor.sign_in(customer)
    (showtime,) = (await api.call("GET", f"/movies/{early}/showtimes")).json["items"]
    seats = [*(await api.statuses(showtime["id"]))]
    held = await api.hold(customer, showtime["id"], seats[:1])
    for path in ("/my/reservations", f"/my/reservations/{held.json['id']}"):
        assert re.search(r"until \d+:\d\d\s[AP]M MST", (await visitor.open(path)).text), path


async def test_times_of_one_zone_have_none(api: Api) -> None:
    film, (_, room) = await api.movie(title="Northern Lights"), await _cinema(api, "Odeon")
    await api.showtime(film, room, **_noon(2))
    page = await (await visitor_of(api)).open("/")
    assert re.search(r"12:00\sPM Odeon 1", page.text)
