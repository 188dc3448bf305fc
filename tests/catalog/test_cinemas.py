"""Cinemas, the auditoriums in them, and what films and showtimes say beyond title and time."""

from typing import Any

import pytest

from tests.api import Answer, Api, Connection, slot

BERLIN = {"name": "Babylon", "address": "Rosa-Luxemburg-Straße 30, Berlin", "timezone": "Europe/Berlin"}
ROOM: dict[str, Any] = {"name": "A Room", "capacity": 50}
FILM: dict[str, Any] = {"title": "A Film", "duration_minutes": 90}
DETAILS = {
    "format": "IMAX 3D",
    "audio_language": "en",
    "subtitle_language": "pt-BR",
    "on_sale_at": "2031-01-01T08:00:00Z",
    "sales_end_at": "2031-01-31T20:15:00Z",
    "waiting_room": True,
}
TIMES = {"starts_at": "2031-01-31T20:00:00Z", "ends_at": "2031-01-31T22:00:00Z"}


async def admin(api: Api, method: str, path: str, body: Any = None) -> Answer:
    return await api.call(method, f"/admin{path}", body, who=await api.admin())


def pointers(answer: Answer) -> list[str]:
    assert (answer.status, answer.code) == (422, "validation_error"), answer.text
    return [error["pointer"] for error in answer.json["errors"]]


async def showtime_body(api: Api, **more: Any) -> dict[str, Any]:
    movie_id, (auditorium_id, _) = await api.movie(), await api.auditorium()
    return {"movie_id": movie_id, "auditorium_id": auditorium_id, "base_price": "10.00", **TIMES, **more}


async def test_an_installation_has_one_cinema_in_utc(api: Api) -> None:
    [cinema] = (await api.call("GET", "/cinemas")).json["items"]
    assert (cinema["name"], cinema["address"], cinema["timezone"]) == ("Cinema", "", "UTC")


async def test_everybody_can_read_cinemas(api: Api) -> None:
    made = await api.make("/admin/cinemas", BERLIN)
    assert {name: made[name] for name in BERLIN} == BERLIN
    assert (await api.call("GET", f"/cinemas/{made['id']}")).json == made
    assert (await api.call("GET", "/cinemas")).json["items"][1:] == [made]
    assert (await api.call("GET", "/cinemas/4711")).code == "not_found"


async def test_everybody_can_read_auditoriums(api: Api) -> None:
    made = [await api.make("/admin/auditoriums", ROOM | {"name": name, "focal_row": "C"}) for name in "AB"]
    assert (await api.call("GET", f"/auditoriums/{made[0]['id']}")).json == made[0]
    first = await api.call("GET", "/auditoriums?limit=1")
    rest = await api.call("GET", f"/auditoriums?cursor={first.json['next_cursor']}")
    assert first.json["items"] + rest.json["items"] == made
    assert (await api.call("GET", "/auditoriums/4711")).code == "not_found"
    assert (await api.call("POST", "/auditoriums", ROOM)).status == 405


async def test_cinemas_are_paginated(api: Api) -> None:
    made = [(await api.make("/admin/cinemas", BERLIN))["id"] for _ in range(2)]
    first = await admin(api, "GET", "/cinemas?limit=2")
    second = await admin(api, "GET", f"/cinemas?cursor={first.json['next_cursor']}")
    assert [item["id"] for item in first.json["items"] + second.json["items"]] == [1, *made]


async def test_put_replaces_a_cinema(api: Api) -> None:
    made = await api.make("/admin/cinemas", BERLIN)
    replaced = await admin(api, "PUT", f"/cinemas/{made['id']}", {"name": "Arsenal", "timezone": "UTC"})
    assert replaced.status == 200
    changed = {"name": "Arsenal", "address": "", "timezone": "UTC", "updated_at": replaced.json["updated_at"]}
    assert replaced.json == made | changed


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"timezone": "Europe/Atlantis"}, "/timezone"),
        ({"timezone": "+02:00"}, "/timezone"),
        ({"timezone": None}, "/timezone"),
        ({"timezone": "Factory"}, "/timezone"),
        ({"timezone": "localtime"}, "/timezone"),
        ({"timezone": "posixrules"}, "/timezone"),
        ({"timezone": "posix/Europe/Berlin"}, "/timezone"),
        ({"timezone": "right/Europe/Berlin"}, "/timezone"),
        ({"name": " "}, "/name"),
        ({"address": "a" * 1001}, "/address"),
    ],
)
async def test_an_invalid_cinema_is_422(shared_api: Api, fields: dict[str, Any], pointer: str) -> None:
    assert pointers(await admin(shared_api, "POST", "/cinemas", BERLIN | fields)) == [pointer]


async def test_a_time_zone_that_postgresql_does_not_know_is_422(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time zones of Python and of PostgreSQL can be of different years."""
    monkeypatch.setattr("reservation.runtime.time_zone_fields.ZoneInfo", lambda key: type("Zone", (), {"key": key}))
    refused = await admin(api, "POST", "/cinemas", BERLIN | {"timezone": "Mars/Olympus"})
    assert pointers(refused) == ["/timezone"]


async def test_a_cinema_with_auditoriums_cannot_be_deleted(api: Api) -> None:
    cinema = await api.make("/admin/cinemas", BERLIN)
    room = await api.make("/admin/auditoriums", ROOM | {"cinema_id": cinema["id"]})
    refused = await admin(api, "DELETE", f"/cinemas/{cinema['id']}")
    assert (refused.status, refused.code) == (409, "in_use")
    assert (await admin(api, "DELETE", f"/auditoriums/{room['id']}")).status == 204
    assert (await admin(api, "DELETE", f"/cinemas/{cinema['id']}")).status == 204


async def test_an_auditorium_may_leave_out_the_only_cinema(api: Api) -> None:
    room = await api.make("/admin/auditoriums", ROOM)
    assert room["cinema_id"] == 1
    cinema = await api.make("/admin/cinemas", BERLIN)
    path = f"/auditoriums/{room['id']}"
    assert pointers(await admin(api, "POST", "/auditoriums", ROOM)) == ["/cinema_id"]
    assert pointers(await admin(api, "PUT", path, ROOM)) == ["/cinema_id"]
    assert pointers(await admin(api, "PUT", path, ROOM | {"cinema_id": 4711})) == ["/cinema_id"]
    moved = await admin(api, "PUT", path, ROOM | {"cinema_id": cinema["id"]})
    assert (moved.status, moved.json["cinema_id"]) == (200, cinema["id"])
    assert (await admin(api, "DELETE", "/cinemas/1")).status == 204
    assert (await admin(api, "PUT", path, ROOM)).json["cinema_id"] == cinema["id"]


@pytest.mark.parametrize("confirmed", [False, True])
async def test_an_auditorium_with_a_reserved_showtime_stays_in_its_cinema(
    api: Api, db: Connection, confirmed: bool
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    other = await api.make("/admin/cinemas", BERLIN)
    path = f"/auditoriums/{cinema.auditorium_id}"
    body = ROOM | {"capacity": 100}
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    if confirmed:
        assert (await api.confirm(customer, held["id"])).status == 200

    refused = await admin(api, "PUT", path, body | {"cinema_id": other["id"]})

    assert (refused.status, refused.code) == (409, "in_use")
    assert (await admin(api, "PUT", path, body | {"cinema_id": 1})).status == 200
    assert (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json["showtime"]["cinema"]["id"] == 1
    if confirmed:
        await db.execute("update showtimes set starts_at = now() - interval '2 hours', ends_at = now()")
    else:
        assert (await api.cancel(customer, held["id"])).status == 200
    moved = await admin(api, "PUT", path, body | {"cinema_id": other["id"]})
    assert (moved.status, moved.json["cinema_id"]) == (200, other["id"])


async def test_an_auditorium_needs_a_cinema(api: Api) -> None:
    assert (await admin(api, "DELETE", "/cinemas/1")).status == 204
    assert pointers(await admin(api, "POST", "/auditoriums", ROOM)) == ["/cinema_id"]


@pytest.mark.parametrize(
    ("sent", "genre", "genres"),
    [
        ({}, None, []),
        ({"genre": "Drama"}, "Drama", ["Drama"]),
        ({"genre": None}, None, []),
        ({"genres": ["Drama", "Comedy"]}, "Drama", ["Drama", "Comedy"]),
        ({"genres": []}, None, []),
        ({"genre": "Drama", "genres": ["Drama", "Comedy"]}, "Drama", ["Drama", "Comedy"]),
    ],
)
async def test_genre_is_the_first_of_the_genres(api: Api, sent: Any, genre: str | None, genres: list[str]) -> None:
    made = await api.make("/admin/movies", FILM | sent)
    assert (made["genre"], made["genres"]) == (genre, genres)
    before = await api.make("/admin/movies", FILM | {"genres": ["Western", "Drama"]})
    replaced = (await admin(api, "PUT", f"/movies/{before['id']}", FILM | sent)).json
    assert (replaced["genre"], replaced["genres"]) == (genre, genres)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"genre": "Comedy", "genres": ["Drama", "Comedy"]}, "/genre"),
        ({"genre": "Drama", "genres": []}, "/genre"),
        ({"genre": None, "genres": ["Drama"]}, "/genre"),
        ({"genres": ["Drama", " "]}, "/genres/1"),
        ({"genres": [f"Genre {number}" for number in range(11)]}, "/genres"),
        ({"genres": "Drama"}, "/genres"),
        ({"release_date": "1879-01-01"}, "/release_date"),
        ({"release_date": "2000-02-30"}, "/release_date"),
        ({"original_language": "English!"}, "/original_language"),
        ({"age_rating": "x" * 51}, "/age_rating"),
        ({"director": ""}, "/director"),
    ],
)
async def test_an_invalid_detail_of_a_movie_is_422(shared_api: Api, fields: dict[str, Any], pointer: str) -> None:
    assert pointers(await admin(shared_api, "POST", "/movies", FILM | fields)) == [pointer]


async def test_the_version_before_writes_both_columns_of_genres(db: Connection) -> None:
    """It knows the column genre alone."""
    find = "select genre, genres from movies where id = $1"
    insert = "insert into movies (title, duration_minutes, genre) values ('A', 9, 'Drama') returning id"
    film = await db.fetchval(insert)

    async def genres() -> tuple[Any, ...]:
        return tuple(await db.fetchrow(find, film) or ())

    assert await genres() == ("Drama", ["Drama"])
    await db.execute("update movies set genres = array['Drama', 'Comedy'] where id = $1", film)
    await db.execute("update movies set title = 'B', genre = 'Drama' where id = $1", film)
    assert await genres() == ("Drama", ["Drama", "Comedy"])
    await db.execute("update movies set genre = 'Western' where id = $1", film)
    assert await genres() == ("Western", ["Western"])
    await db.execute("update movies set genre = null where id = $1", film)
    assert await genres() == (None, [])


async def test_a_showtime_keeps_its_details(api: Api) -> None:
    body = await showtime_body(api, **DETAILS)
    made = await api.make("/admin/showtimes", body)
    assert {name: made[name] for name in DETAILS} == DETAILS
    path = f"/showtimes/{made['id']}"
    assert (await api.call("GET", path)).json == (await admin(api, "GET", path)).json == made
    assert (await admin(api, "GET", "/showtimes")).json["items"] == [made]
    body |= {"format": "2D", "on_sale_at": None}
    del body["sales_end_at"]
    replaced = (await admin(api, "PUT", path, body)).json
    assert [replaced[name] for name in DETAILS] == ["2D", "en", "pt-BR", None, None, True]


async def test_a_showtime_of_a_batch_keeps_its_details(api: Api) -> None:
    body = await showtime_body(api, **DETAILS)
    answer = await admin(api, "POST", "/showtimes/batch", {"showtimes": [body]})
    [outcome] = answer.json["results"]
    assert (await api.call("GET", f"/showtimes/{outcome['showtime']['id']}")).json == outcome["showtime"]
    assert {name: outcome["showtime"][name] for name in DETAILS} == DETAILS


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"format": ""}, "/format"),
        ({"audio_language": "en_US"}, "/audio_language"),
        ({"subtitle_language": "de-"}, "/subtitle_language"),
        ({"on_sale_at": "2031-01-01"}, "/on_sale_at"),
        ({"on_sale_at": TIMES["starts_at"]}, "/on_sale_at"),
        ({"on_sale_at": "2031-01-02T00:00:00Z", "sales_end_at": "2031-01-01T00:00:00Z"}, "/on_sale_at"),
        ({"sales_end_at": "2031-01-31T22:00:01Z"}, "/sales_end_at"),
        ({"status": "cancelled"}, "/status"),
    ],
)
async def test_an_invalid_detail_of_a_showtime_is_422(shared_api: Api, fields: dict[str, Any], pointer: str) -> None:
    assert pointers(await admin(shared_api, "POST", "/showtimes", await showtime_body(shared_api, **fields))) == [
        pointer
    ]


async def test_a_cancelled_showtime_takes_no_time_in_its_room(api: Api, db: Connection) -> None:
    body = await showtime_body(api) | slot(24)
    first = await api.make("/admin/showtimes", body)
    assert (await admin(api, "POST", "/showtimes", body)).code == "showtime_overlap"
    await db.execute("update showtimes set status = 'cancelled', cancelled_at = now() where id = $1", first["id"])
    second = await api.make("/admin/showtimes", body)
    # The version before, which writes free_at, may still move it.
    await db.execute(
        "update showtimes set ends_at = ends_at + interval '1 hour', free_at = ends_at + interval '2 hours'"
        " where id = $1",
        first["id"],
    )
    overlap = await admin(api, "POST", "/showtimes", body | slot(25))
    assert (overlap.code, overlap.json["conflicting_showtime_id"]) == ("showtime_overlap", second["id"])
