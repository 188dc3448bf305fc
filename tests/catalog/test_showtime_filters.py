"""Filters and orders of the lists of showtimes, and the movies that are showing."""

from typing import Any

import pytest

from tests.api import Answer, Api, Connection, slot

DAY = "2031-05-01"


class Programme:
    """Two cinemas in time zones far apart; three rooms, two films, and a showtime for each letter."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.ids: dict[str, int] = {}

    async def make(self, db: Connection) -> None:
        auckland = await self.api.make("/admin/cinemas", {"name": "South", "timezone": "Pacific/Auckland"})
        honolulu = await self.api.make("/admin/cinemas", {"name": "North", "timezone": "Pacific/Honolulu"})
        self.cinemas = [auckland["id"], honolulu["id"]]
        room = {"name": "A Room", "capacity": 10}
        self.rooms = [
            (await self.api.make("/admin/auditoriums", room | {"cinema_id": cinema}))["id"]
            for cinema in (auckland["id"], auckland["id"], honolulu["id"])
        ]
        self.films = [
            await self.api.movie(genres=["Drama", "Crime"]),
            await self.api.movie(genres=["Comedy", "drama"]),
        ]
        await self.add("a", film=0, room=0, start=f"{DAY}T08:00:00Z")  # 20:00 of the day in Auckland
        await self.add("b", film=0, room=1, start=f"{DAY}T12:00:00Z")  # the day after in Auckland
        await self.add("c", film=1, room=0, start=f"{DAY}T13:00:00Z")
        await self.add("d", film=1, room=2, start="2031-05-02T06:00:00Z")  # 20:00 of the day in Honolulu
        await self.add("x", film=0, room=2, start=f"{DAY}T20:00:00Z")
        await db.execute(
            "update showtimes set status = 'cancelled', cancelled_at = now(), cancel_reason = 'r' where id = $1",
            self.ids["x"],
        )

    async def add(self, letter: str, *, film: int, room: int, start: str) -> None:
        times = {"starts_at": start, "ends_at": start.replace(":00:00Z", ":45:00Z")}
        self.ids[letter] = await self.api.showtime(self.films[film], self.rooms[room], **times)

    def filled(self, path: str) -> str:
        names = {f"cinema{n}": cinema for n, cinema in enumerate(self.cinemas)}
        names |= {f"room{n}": room for n, room in enumerate(self.rooms)}
        return path.format(**names, film0=self.films[0], film1=self.films[1])

    def letters(self, answer: Answer) -> str:
        assert answer.status == 200, answer.text
        letter_of = {showtime_id: letter for letter, showtime_id in self.ids.items()}
        return "".join(letter_of[item["id"]] for item in answer.json["items"])

    async def pages(self, path: str, **rest: Any) -> str:
        """The letters of the whole list, read in pages of two."""
        found, cursor = "", ""
        while True:
            answer = await self.api.call("GET", f"{self.filled(path)}&limit=2{cursor}", **rest)
            found += self.letters(answer)
            if answer.json["next_cursor"] is None:
                return found
            cursor = f"&cursor={answer.json['next_cursor']}"


@pytest.fixture
async def programme(api: Api, db: Connection) -> Programme:
    made = Programme(api)
    await made.make(db)
    return made


FILTERS = {
    "": "abcd",
    "cinema_id={cinema0}": "abc",
    "cinema_id={cinema1}": "d",
    "cinema_id=4711": "",
    "auditorium_id={room0}": "ac",
    "auditorium_id={room0}&cinema_id={cinema0}": "ac",
    "auditorium_id={room0}&cinema_id={cinema1}": "",
    "movie_id={film0}": "ab",
    "movie_id={film0}&auditorium_id={room1}": "b",
    "movie_id={film1}&cinema_id={cinema1}": "d",
    "movie_id={film1}&genre=crime": "",
    "movie_id={film0}&genre=crime": "ab",
    "genre=DRAMA": "abcd",
    "genre=Crime": "ab",
    "genre=Comedy&cinema_id={cinema0}": "c",
    "genre=Crime&auditorium_id={room1}": "b",
    "genre=Western": "",
    f"from={DAY}T12:00:00Z": "bcd",
    f"to={DAY}T12:00:00Z": "a",
    f"from={DAY}T12:00:00Z&to={DAY}T13:00:01Z": "bc",
    f"from={DAY}T13:00:00Z&to={DAY}T12:00:00Z": "",
    f"date={DAY}": "ad",
    f"date={DAY}&tz=UTC": "abc",
    f"date={DAY}&tz=Pacific/Honolulu": "bcd",
    f"date={DAY}&cinema_id={{cinema0}}": "a",
    f"date={DAY}&cinema_id={{cinema1}}": "d",
    f"date={DAY}&movie_id={{film1}}": "d",
    f"date={DAY}&genre=crime": "a",
    f"date={DAY}&from={DAY}T09:00:00Z": "d",
    "date=2031-05-02": "bc",
    "status=scheduled": "abcd",
    "status=cancelled": "x",
    "status=cancelled&cinema_id={cinema1}": "x",
    "status=cancelled&movie_id={film1}": "",
    "status=cancelled&genre=crime": "x",
    f"status=cancelled&date={DAY}": "x",
}


@pytest.mark.parametrize("query", FILTERS)
async def test_a_list_has_the_showtimes_of_all_filters_in_both_orders(programme: Programme, query: str) -> None:
    wanted = FILTERS[query]
    assert await programme.pages(f"/showtimes?{query}") == wanted
    assert await programme.pages(f"/showtimes?{query}&sort=starts_at") == wanted
    assert await programme.pages(f"/showtimes?{query}&sort=-starts_at") == wanted[::-1]


async def test_the_showtimes_of_a_movie_take_the_same_filters(programme: Programme) -> None:
    for query, wanted in {
        "": "ab",
        "cinema_id={cinema0}&sort=-starts_at": "ba",
        "auditorium_id={room1}": "b",
        f"date={DAY}": "a",
        f"from={DAY}T09:00:00Z": "b",
        "status=cancelled": "x",
    }.items():
        assert await programme.pages(f"/movies/{{film0}}/showtimes?{query}") == wanted, query
    refused = await programme.api.call("GET", programme.filled("/movies/{film0}/showtimes?movie_id={film1}"))
    assert refused.status == 422


async def test_administrators_find_cancelled_and_past_showtimes(programme: Programme) -> None:
    who = await programme.api.admin()
    programme.ids["p"] = await programme.api.showtime(programme.films[1], programme.rooms[2], **slot(-48))
    for query, wanted in {
        "": "pabcxd",
        "status=cancelled": "x",
        "sort=-starts_at": "dxcbap",
        "cinema_id={cinema1}": "pxd",
        "movie_id={film0}": "abx",
        "genre=comedy": "pcd",
        f"from={DAY}T00:00:00Z&status=scheduled": "abcd",
    }.items():
        assert await programme.pages(f"/admin/showtimes?{query}", who=who) == wanted, query


async def test_a_cancelled_showtime_is_found_by_its_id(programme: Programme) -> None:
    found = await programme.api.call("GET", f"/showtimes/{programme.ids['x']}")
    assert (found.status, found.json["status"], found.json["cancel_reason"]) == (200, "cancelled", "r")
    assert found.json["cancelled_at"] is not None


async def test_showtimes_without_a_time_are_those_that_have_not_started(programme: Programme) -> None:
    programme.ids["p"] = await programme.api.showtime(programme.films[1], programme.rooms[2], **slot(-48))
    for query in ("", "cinema_id={cinema1}&", "movie_id={film1}&", "genre=comedy&"):
        assert "p" not in await programme.pages(f"/showtimes?{query}")
        assert "p" not in await programme.pages(f"/showtimes?{query}sort=-starts_at")
        assert "p" in await programme.pages(f"/showtimes?{query}from=2020-01-01T00:00:00Z")


async def test_showtimes_that_start_at_once_are_each_on_one_page(programme: Programme) -> None:
    times = {"starts_at": "2031-07-01T10:00:00Z", "ends_at": "2031-07-01T11:00:00Z"}
    for letter, room in zip("efg", programme.rooms, strict=True):
        programme.ids[letter] = await programme.api.showtime(programme.films[0], room, **times)
    for query in ("", "movie_id={film0}&", "genre=crime&"):
        assert await programme.pages(f"/showtimes?{query}from=2031-06-01T00:00:00Z") == "efg"
        assert await programme.pages(f"/showtimes?{query}from=2031-06-01T00:00:00Z&sort=-starts_at") == "gfe"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("cinema_id=0", "/cinema_id"),
        ("auditorium_id=x", "/auditorium_id"),
        ("genre=", "/genre"),
        ("from=2031-01-01", "/from"),
        ("to=tomorrow", "/to"),
        ("status=held", "/status"),
        ("sort=title", "/sort"),
        ("start=2031-01-01T00:00:00Z", "/start"),
    ],
)
async def test_an_invalid_filter_is_422(shared_api: Api, query: str, pointer: str) -> None:
    refused = await shared_api.call("GET", f"/showtimes?{query}")
    assert (refused.status, [error["pointer"] for error in refused.json["errors"]]) == (422, [pointer])


async def test_a_movie_is_showing_while_a_scheduled_showtime_has_not_started(programme: Programme) -> None:
    api = programme.api

    async def found(query: str) -> list[int]:
        return [item["id"] for item in (await api.call("GET", f"/movies?{query}")).json["items"]]

    over = await api.movie()
    await api.showtime(over, programme.rooms[2], **slot(-1))
    assert await found("now_showing=true") == programme.films
    admins = await api.call("GET", "/admin/movies?now_showing=false", who=await api.admin())
    assert [item["id"] for item in admins.json["items"]] == await found("now_showing=false") == [over]
    assert await found("now_showing=true&genre=CRIME") == programme.films[:1]
    assert (await api.call("GET", "/movies?now_showing=yes")).status == 422


async def test_a_movie_with_only_a_cancelled_showtime_is_not_showing(api: Api, db: Connection) -> None:
    await api.cinema()
    await db.execute("update showtimes set status = 'cancelled', cancelled_at = now()")
    assert (await api.call("GET", "/movies?now_showing=true")).json["items"] == []
