"""What is on: searching, the days of a time zone, and lists that come a page at a time."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from yarl import URL

from tests.api import Answer, Api, slot

DETAILS = ("format", "audio_language", "subtitle_language", "on_sale_at", "sales_end_at")


async def titles(api: Api, query: str) -> list[str]:
    answer = await api.call("GET", f"/movies?{query}")
    assert answer.status == 200, answer.text
    return [movie["title"] for movie in answer.json["items"]]


async def pages(api: Api, path: str, **call: Any) -> list[Answer]:
    """All pages of a list, by its Link headers, which must agree with next_cursor."""
    found: list[Answer] = []
    while path:
        assert len(found) < 50, "the list does not end"
        answer = await api.call("GET", path, **call)
        assert answer.status == 200, answer.text
        found.append(answer)
        link = answer.headers.get("Link")
        assert (link is None) is (answer.json["next_cursor"] is None)
        path = "" if link is None else link.removeprefix("<").removesuffix('>; rel="next"')
        assert not path or URL(path, encoded=True).query["cursor"] == answer.json["next_cursor"]
    return found


async def test_a_movie_has_all_its_fields(api: Api) -> None:
    fields = {
        "title": "Nosferatu – Eine Symphonie des Grauens",
        "description": "",
        "duration_minutes": 94,
        "poster_url": "https://example.com/n%C3%B6.png?a=b",
        "genre": "Horror",
        "genres": ["Horror", "Silent film"],
        "age_rating": "12",
        "release_date": "1922-03-04",
        "original_language": "de-DE",
        "director": "F. W. Murnau",
        "waiting_room": True,
    }
    movie_id = await api.movie(**fields)
    found = await api.call("GET", f"/movies/{movie_id}")
    assert found.status == 200
    assert {name: found.json[name] for name in fields} == fields
    assert set(found.json) == {*fields, "id", "created_at", "updated_at"}
    assert found.json["created_at"].endswith("Z")


async def test_a_movie_without_optional_fields_has_nulls(api: Api) -> None:
    found = (await api.call("GET", f"/movies/{await api.movie()}")).json
    assert (found["description"], found["poster_url"], found["genre"], found["genres"]) == ("", None, None, [])
    assert {found[name] for name in ("age_rating", "release_date", "original_language", "director")} == {None}


async def test_movies_are_filtered_by_title_and_genre(api: Api) -> None:
    for title, genre in (("Die 100% Lösung", "Drama"), ("The_Room", "drama"), ("Ärger", None), ("a\\b", "Film noir")):
        await api.movie(title=title, genre=genre)
    everything = ["Die 100% Lösung", "The_Room", "Ärger", "a\\b"]
    assert await titles(api, "") == everything
    for query, wanted in {
        "q=LÖSUNG": ["Die 100% Lösung"],
        "q=100%25": ["Die 100% Lösung"],
        "q=%25": ["Die 100% Lösung"],
        "q=_": ["The_Room"],
        "q=äRG": ["Ärger"],
        "q=%5C": ["a\\b"],
        "q=%27%3B--": [],
        "q=o": ["Die 100% Lösung", "The_Room"],
        "genre=DRAMA": ["Die 100% Lösung", "The_Room"],
        "genre=dram": [],
        "genre=Film+noir": ["a\\b"],
        "genre=drama&q=room": ["The_Room"],
    }.items():
        assert await titles(api, query) == wanted, query


@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_pages_cover_the_list_in_order(api: Api, limit: int) -> None:
    made = [await api.movie(title=f"Film ü&{index}", genre="a b&c") for index in range(23)]
    found = await pages(api, f"/movies?limit={limit}&genre=a+b%26c&q=%C3%BC%26")
    assert [movie["id"] for page in found for movie in page.json["items"]] == made
    assert [len(page.json["items"]) for page in found[:-1]] == [limit] * (len(found) - 1)


async def test_a_page_has_fifty_items_by_default(api: Api) -> None:
    made = [await api.movie() for _ in range(51)]
    found = await pages(api, "/movies")
    assert [[movie["id"] for movie in page.json["items"]] for page in found] == [made[:50], made[50:]]


async def test_inserts_between_pages_do_not_shift_them(api: Api) -> None:
    made = [await api.movie() for _ in range(4)]
    first = await api.call("GET", "/movies?limit=2")
    await api.call("DELETE", f"/admin/movies/{made[0]}", who=await api.admin())
    second = await api.call("GET", f"/movies?limit=2&cursor={first.json['next_cursor']}")
    assert [movie["id"] for movie in second.json["items"]] == made[2:]


@pytest.mark.parametrize(
    "limit", ["0", "-1", "201", "ten", "1.0", "1e1", "", "９", "99999999999999999999", "%00", "true"]
)
async def test_an_invalid_limit_is_422(shared_api: Api, limit: str) -> None:
    for path in ("/movies", "/showtimes"):
        refused = await shared_api.call("GET", f"{path}?limit={limit}")
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/limit")


async def test_an_unknown_or_repeated_parameter_is_422(api: Api) -> None:
    for path in ("/movies", "/showtimes"):
        for query, pointer in {"page=2": "/page", "limit=1&limit=2": "/limit", "since=1": "/since"}.items():
            refused = await api.call("GET", f"{path}?{query}")
            assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, pointer)


TAMPERED = [
    "1", "abc", "%00", "é", "W10", "e30=", "bnVsbA==", "AAAA", "a" * 513, "===",
    *(
        urlsafe_b64encode(key.encode()).decode()
        for key in (
            "[]", "{}", "null", "1", '"a"', "[null]", "[-1]", "[1.5]", "[true]", '["1"]', f"[{2**63}]", "[1e400]",
            "[1,2,3]", "[[1]]", '["a\\u0000",1]', '["A",4294967296]', '["",9223372036854775807]', '["ZZZZ",1]',
            '["2030-01-01T00:00:00Z",-1]', '["2030-01-01T00:00:00",1]', '["2030-01-01",1]', "[1,1]",
            '["0001-01-01T00:00:00+23:59",1]', '["9999-12-31T23:59:59-23:59",1]',
            '["2030-01-01T00:00:00Z",1]', '["2030-01-01T00:00:00Z","x"]',
            '["0001-01-01T00:00:00+23:59","00000000-0000-0000-0000-000000000000"]', '["2030-01-01T00:00:00Z",["x"]]',
            "[" * 100 + "]" * 100, "[" * 2000,
        )
    ),
]  # fmt: skip


async def test_a_tampered_cursor_is_422(api: Api) -> None:
    cinema = await api.cinema()
    admin = await api.admin()
    lists = (
        "/movies", "/showtimes", f"/movies/{cinema.movie_id}/showtimes", "/reservations", "/admin/movies",
        "/admin/auditoriums", f"/admin/auditoriums/{cinema.auditorium_id}/seats", "/admin/showtimes", "/admin/users",
    )  # fmt: skip
    taken = []
    for path in lists:
        for cursor in TAMPERED:
            answer = await api.call("GET", f"{path}?cursor={cursor}", who=admin)
            assert answer.status in {200, 422}, f"{path}?cursor={cursor}: {answer.text}"
            if answer.status == 422:
                assert [error["pointer"] for error in answer.json["errors"]] == ["/cursor"]
            else:
                taken.append((path, cursor))
    assert len(taken) < len(lists) * 5  # those that happen to be a key of the list


async def test_a_cursor_keeps_to_the_filter(api: Api) -> None:
    cinema = await api.cinema(starts_at="2031-01-01T12:00:00Z", ends_at="2031-01-01T14:00:00Z")
    for day in (2, 3):
        await api.showtime(
            cinema.movie_id,
            cinema.auditorium_id,
            starts_at=f"2031-01-0{day}T12:00:00Z",
            ends_at=f"2031-01-0{day}T14:00:00Z",
        )
    early = (await api.call("GET", "/showtimes?date=2031-01-01&limit=1")).json
    cursor = (await api.call("GET", "/showtimes?limit=1")).json["next_cursor"]
    assert early["next_cursor"] is None
    answer = await api.call("GET", f"/showtimes?date=2031-01-03&cursor={cursor}")
    assert [item["starts_at"][:10] for item in answer.json["items"]] == ["2031-01-03"]


async def test_a_showtime_has_all_its_fields(api: Api) -> None:
    cinema = await api.cinema(starts_at="2031-05-01T20:00:00+02:00", ends_at="2031-05-01T22:30:00+02:00")
    found = await api.call("GET", f"/showtimes/{cinema.showtime_id}")
    assert found.status == 200
    assert (found.json["starts_at"], found.json["ends_at"]) == ("2031-05-01T18:00:00Z", "2031-05-01T20:30:00Z")
    assert (found.json["movie_title"], found.json["auditorium_name"]) == ("A Film", "A Room")
    assert (found.json["base_price"], found.json["currency"], found.json["cinema_id"]) == ("10.00", "USD", 1)
    assert (found.json["status"], found.json["cancelled_at"], found.json["cancel_reason"]) == ("scheduled", None, None)
    assert {found.json[name] for name in DETAILS} == {None}
    [listed] = (await api.call("GET", "/showtimes")).json["items"]
    assert listed == found.json


async def test_a_day_is_one_of_the_time_zone(api: Api) -> None:
    cinema = await api.cinema(starts_at="2031-03-30T10:30:00Z", ends_at="2031-03-30T12:00:00Z")
    # 12:30 on the 30th in Berlin; 00:30 on the 31st in Kiritimati (+14); 23:30 on the 29th in Pago Pago (-11).
    for query, count in {
        "date=2031-03-30": 1,
        "date=2031-03-30&tz=UTC": 1,
        "date=2031-03-31": 0,
        "date=2031-03-29": 0,
        "date=2031-03-30&tz=Europe/Berlin": 1,
        "date=2031-03-31&tz=Pacific/Kiritimati": 1,
        "date=2031-03-30&tz=Pacific/Kiritimati": 0,
        "date=2031-03-29&tz=Pacific/Pago_Pago": 1,
        "date=2031-03-30&tz=Pacific/Pago_Pago": 0,
    }.items():
        for path in ("/showtimes", f"/movies/{cinema.movie_id}/showtimes"):
            answer = await api.call("GET", f"{path}?{query}")
            assert (answer.status, len(answer.json["items"])) == (200, count), f"{path}?{query}"


async def test_a_day_lasts_from_midnight_to_midnight(api: Api) -> None:
    movie_id = await api.movie()
    starts = ("2031-03-29T23:00:00Z", "2031-03-29T22:59:59Z", "2031-03-30T21:59:59Z", "2031-03-30T22:00:00Z")
    made = []
    for start in starts:
        room, _ = await api.auditorium(1, 1)
        made.append(await api.showtime(movie_id, room, starts_at=start, ends_at="2031-03-31T04:00:00Z"))
    # The day on which Berlin's clocks go forward has 23 hours: from 23:00 to 22:00 UTC.
    answer = await api.call("GET", "/showtimes?date=2031-03-30&tz=Europe/Berlin")
    assert [item["id"] for item in answer.json["items"]] == [made[0], made[2]]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        *(
            (f"date={day}", "/date")
            for day in ("2031-02-30", "2031-1-1", "tomorrow", "", "20310101", "0000-00-00", "９")
        ),
        *(
            (f"date=2031-01-01&tz={zone}", "/tz")
            for zone in (
                "Mars/Base",
                "",
                "../../etc/passwd",
                "/etc/localtime",
                "Europe",
                "%00",
                "a" * 5000,
                "+02:00",
                "é",
            )
        ),
        ("tz=Europe/Berlin", "/tz"),
        ("tz=Europe/Berlin&from=2031-01-01T00:00:00Z&to=2031-01-02T00:00:00Z", "/tz"),
        *((f"movie_id={movie}", "/movie_id") for movie in ("0", "-1", "abc", str(2**63), "")),
    ],
)
async def test_an_invalid_filter_is_422(shared_api: Api, query: str, pointer: str) -> None:
    refused = await shared_api.call("GET", f"/showtimes?{query}")
    assert refused.status == 422, refused.text
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]


async def test_showtimes_are_future_ones_of_the_movie(api: Api) -> None:
    cinema = await api.cinema(**slot(-1))
    soon = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24))
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    other = await api.cinema(**slot(30))
    for path, wanted in {
        "/showtimes": [soon, other.showtime_id, later],
        f"/showtimes?movie_id={cinema.movie_id}": [soon, later],
        f"/movies/{cinema.movie_id}/showtimes": [soon, later],
        "/showtimes?movie_id=4711": [],
    }.items():
        found = await pages(api, f"{path}{'&' if '?' in path else '?'}limit=1")
        assert [item["id"] for page in found for item in page.json["items"]] == wanted
    assert (await api.call("GET", "/movies/4711/showtimes")).status == 404
