"""A film's page: what it is, and its showtimes by day and cinema."""

from datetime import UTC, datetime, timedelta

import asyncpg

from tests.api import Api, slot
from tests.web.visitor import visitor_of

FACTS = {
    "title": "Northern Lights",
    "description": "A crew of three waits for the sun.",
    "genres": ["Drama", "Adventure"],
    "age_rating": "PG-13",
    "release_date": "2024-03-01",
    "original_language": "no",
    "director": "Ada Berg",
}


async def test_the_page_has_the_facts_and_all_showtimes(api: Api) -> None:
    film, (room, _) = await api.movie(**FACTS), await api.auditorium(2, 5)
    for days in (1, 3, 30):
        await api.showtime(film, room, **slot(days * 24))
    page = await (await visitor_of(api)).open(f"/films/{film}")
    assert page.heading == "Northern Lights"
    for fact in ("waits for the sun", "Drama, Adventure", "PG-13", "2024", "Norwegian", "Ada Berg", "90 min"):
        assert fact in page.text, fact
    assert len([link for link in page.links if link.startswith("/book/")]) == 3
    assert page.text.count("10 seats left") == 3


async def test_showtimes_of_one_cinema_are_shown_alone_with_a_way_to_all(api: Api) -> None:
    film = await api.movie(**FACTS)
    cinemas = []
    for name in ("Odeon", "Rex"):
        made = await api.make("/admin/cinemas", {"name": name, "timezone": "UTC", "address": "1 Main Street"})
        room, _ = await api.auditorium(1, 2, cinema_id=made["id"], name=f"{name} Hall")
        await api.showtime(film, room)
        cinemas.append(made["id"])
    visitor = await visitor_of(api)
    page = await visitor.open(f"/films/{film}")
    assert "Odeon Hall" in page.text
    assert "Rex Hall" in page.text
    page = await visitor.open(f"/films/{film}?cinema={cinemas[1]}")
    assert "Odeon Hall" not in page.text
    assert "Rex Hall" in page.text
    assert f"/films/{film}" in page.links


async def test_a_cinema_that_does_not_show_the_film_says_so(api: Api) -> None:
    film, (room, _) = await api.movie(**FACTS), await api.auditorium(1, 2)
    await api.showtime(film, room)
    other = await api.make("/admin/cinemas", {"name": "Rex", "timezone": "UTC", "address": "1 Main Street"})
    page = await (await visitor_of(api)).open(f"/films/{film}?cinema={other['id']}")
    assert "Rex does not show this film at present." in page.text


async def test_a_film_without_showtimes_says_so(api: Api) -> None:
    page = await (await visitor_of(api)).open(f"/films/{await api.movie(**FACTS)}")
    assert "There are no showtimes of this film yet." in page.text


async def test_a_film_that_is_no_longer_shown_says_when_it_was(api: Api) -> None:
    film, (room, _) = await api.movie(**FACTS), await api.auditorium(1, 2)
    showtime = await api.showtime(film, room)
    then = datetime.now(UTC) - timedelta(days=400)
    ends = then + timedelta(hours=2)
    connection = await asyncpg.connect(api.database_url)
    move = "update showtimes set starts_at = $2, ends_at = $3 where id = $1"
    await connection.execute(move, showtime, then, ends)
    await connection.close()
    page = await (await visitor_of(api)).open(f"/films/{film}")
    assert f"This film is no longer shown. Its last showtime was on {then:%B} {then.day}, {then.year}." in page.text


async def test_an_unknown_film_is_a_page_that_says_so(api: Api) -> None:
    page = await (await visitor_of(api)).open("/films/4711")
    assert (page.status, page.heading) == (404, "There is nothing at this address, or it is not yours.")
