"""Administration of movies, auditoriums and showtimes."""

import asyncio
from typing import Any

import pytest

from tests.api import Answer, Api, Cinema, slot
from tests.conftest import StartApi

FILM: dict[str, Any] = {"title": "A Film", "duration_minutes": 90}
ROOM: dict[str, Any] = {"name": "A Room", "capacity": 50}
COLLECTIONS: dict[str, dict[str, Any]] = {
    "movies": FILM,
    "auditoriums": ROOM,
    "showtimes": {"base_price": "10.00", **slot(24)},
}


def at(start: str, end: str) -> dict[str, Any]:
    return {"starts_at": f"2031-01-01T{start}:00Z", "ends_at": f"2031-01-01T{end}:00Z"}


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


async def admin(api: Api, method: str, path: str, body: Any = None) -> Answer:
    return await api.call(method, f"/admin{path}", body, who=await api.admin())


async def valid_body(api: Api, collection: str) -> dict[str, Any]:
    body = dict(COLLECTIONS[collection])
    if collection == "showtimes":
        body |= {"movie_id": await api.movie(), "auditorium_id": (await api.auditorium())[0]}
    return body


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_a_created_resource_can_be_read_and_deleted(api: Api, collection: str) -> None:
    made = await admin(api, "POST", f"/{collection}", await valid_body(api, collection))
    assert made.status == 201, made.text
    path = f"/{collection}/{made.json['id']}"
    assert made.headers["Location"] == f"/admin{path}"
    assert (await admin(api, "GET", path)).json == made.json
    assert (await admin(api, "GET", f"/{collection}")).json["items"] == [made.json]
    gone = await admin(api, "DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    for method in ("GET", "DELETE"):
        assert refusal(await admin(api, method, path)) == (404, "not_found")


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_an_unknown_id_is_404(api: Api, collection: str) -> None:
    body = await valid_body(api, collection)
    if collection == "showtimes":
        body["auditorium_id"] = 4711  # the path comes before the body
    for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
        assert refusal(await admin(api, method, f"/{collection}/4711", sent)) == (404, "not_found")


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_lists_are_paginated(api: Api, collection: str) -> None:
    body = await valid_body(api, collection)
    made = []
    for day in range(5):
        made.append((await api.make(f"/admin/{collection}", body))["id"])
        if collection == "showtimes":
            body |= slot(48 + 24 * day)
    found, cursor = [], ""
    while True:
        answer = await admin(api, "GET", f"/{collection}?limit=2{cursor}")
        found += [item["id"] for item in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.json['next_cursor']}"
    assert found == made


async def test_put_replaces_a_movie(api: Api) -> None:
    movie = await api.make("/admin/movies", FILM | {"description": "Long.", "genre": "Drama"})
    replaced = await admin(api, "PUT", f"/movies/{movie['id']}", FILM | {"title": "Another"})
    assert replaced.status == 200, replaced.text
    changed = {
        "title": "Another",
        "description": "",
        "genre": None,
        "genres": [],
        "updated_at": replaced.json["updated_at"],
    }
    assert replaced.json == movie | changed
    assert replaced.json["updated_at"] > movie["updated_at"]
    assert (await api.call("GET", f"/movies/{movie['id']}")).json == replaced.json


async def test_put_replaces_an_auditorium(api: Api) -> None:
    extra = {"screen": {"width_m": 12.5, "3d": True}, "note": None, "ünï": ["a", 1, -1.5e300], "": {}}
    room = await api.make("/admin/auditoriums", ROOM | {"extra_metadata": extra})
    assert room["extra_metadata"] == extra
    replaced = await admin(api, "PUT", f"/auditoriums/{room['id']}", {"name": "B", "capacity": 60})
    assert (replaced.status, replaced.json["capacity"], replaced.json["extra_metadata"]) == (200, 60, {})


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        *(
            ("/movies", FILM | fields, pointer)
            for fields, pointer in (
                ({"title": ""}, "/title"),
                ({"title": "t" * 301}, "/title"),
                ({"title": None}, "/title"),
                ({"duration_minutes": 0}, "/duration_minutes"),
                ({"duration_minutes": 1441}, "/duration_minutes"),
                ({"duration_minutes": "90"}, "/duration_minutes"),
                ({"duration_minutes": 90.5}, "/duration_minutes"),
                ({"poster_url": "javascript:alert(1)"}, "/poster_url"),
                ({"poster_url": "poster.png"}, "/poster_url"),
                ({"genre": " "}, "/genre"),
                ({"description": None}, "/description"),
                ({"id": 7}, "/id"),
            )
        ),
        ("/movies", {"title": "No duration"}, "/duration_minutes"),
        *(
            ("/auditoriums", ROOM | fields, pointer)
            for fields, pointer in (
                ({"capacity": 0}, "/capacity"),
                ({"capacity": 10_001}, "/capacity"),
                ({"capacity": True}, "/capacity"),
                ({"extra_metadata": []}, "/extra_metadata"),
                ({"extra_metadata": None}, "/extra_metadata"),
                ({"seats": []}, "/seats"),
            )
        ),
    ],
)
async def test_an_invalid_field_is_422(shared_api: Api, path: str, body: dict[str, Any], pointer: str) -> None:
    refused = await admin(shared_api, "POST", path, body)
    assert refusal(refused) == (422, "validation_error")
    assert {error["pointer"] for error in refused.json["errors"]} == {pointer}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"movie_id": 4711}, "/movie_id"),
        ({"movie_id": 2**63}, "/movie_id"),
        ({"auditorium_id": 4711}, "/auditorium_id"),
        ({"starts_at": "2031-01-01T10:00:00"}, "/starts_at"),
        ({"starts_at": "2031-13-01T10:00:00Z"}, "/starts_at"),
        ({"starts_at": 1924941600}, "/starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-23:59"}, "/starts_at"),
        ({"ends_at": "2031-01-01T10:00:00Z"}, "/ends_at"),
        ({"ends_at": "2031-01-01T09:00:00Z"}, "/ends_at"),
        ({"base_price": "-1"}, "/base_price"),
        ({"base_price": "1.005"}, "/base_price"),
        ({"base_price": "1e3"}, "/base_price"),
        ({"base_price": "１"}, "/base_price"),
        ({"base_price": 1000000}, "/base_price"),
        ({"base_price": True}, "/base_price"),
        ({"base_price": None}, "/base_price"),
        ({"movie_title": "x"}, "/movie_title"),
    ],
)
async def test_an_invalid_showtime_is_422(shared_api: Api, fields: dict[str, Any], pointer: str) -> None:
    body = await valid_body(shared_api, "showtimes") | at("10:00", "12:00")
    showtime = await shared_api.make("/admin/showtimes", body | at("20:00", "22:00"))
    for method, path in (("POST", "/showtimes"), ("PUT", f"/showtimes/{showtime['id']}")):
        refused = await admin(shared_api, method, path, body | fields)
        assert refusal(refused) == (422, "validation_error")
        assert {error["pointer"] for error in refused.json["errors"]} == {pointer}


async def replace(api: Api, cinema: Cinema, **fields: Any) -> Answer:
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "10.00"} | slot(24)
    return await admin(api, "PUT", f"/showtimes/{cinema.showtime_id}", body | fields)


async def test_put_replaces_a_showtime(api: Api) -> None:
    cinema = await api.cinema()
    room, _ = await api.auditorium(1, 1, name="Upstairs")
    movie_id = await api.movie(title="Another")
    answer = await replace(api, cinema, movie_id=movie_id, auditorium_id=room, base_price=5, **at("10:00", "12:00"))
    assert answer.status == 200, answer.text
    wanted = {"movie_title": "Another", "auditorium_name": "Upstairs", "base_price": "5.00", **at("10:00", "12:00")}
    assert {name: answer.json[name] for name in wanted} == wanted
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json == answer.json


@pytest.mark.parametrize("becomes", ["held", "confirmed", "cancelled"])
async def test_a_resource_with_reservations_cannot_be_deleted(api: Api, becomes: str) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    if becomes == "confirmed":
        await api.confirm(customer, held.json["id"])
    elif becomes == "cancelled":
        await api.cancel(customer, held.json["id"])

    for path in (
        f"/showtimes/{cinema.showtime_id}",
        f"/movies/{cinema.movie_id}",
        f"/auditoriums/{cinema.auditorium_id}",
    ):
        answer = await admin(api, "DELETE", path)
        assert refusal(answer) == (409, "in_use"), path
        assert "has been reserved" in answer.json["detail"] or path.startswith(("/movies", "/auditoriums"))
    assert (await admin(api, "DELETE", f"/seats/{cinema.seat_ids[1]}")).status == 204
    assert len(await api.statuses(cinema.showtime_id)) == 49


async def test_a_resource_with_showtimes_can_be_deleted_after_them(api: Api) -> None:
    cinema = await api.cinema()
    paths = (f"/movies/{cinema.movie_id}", f"/auditoriums/{cinema.auditorium_id}")
    for path in paths:
        answer = await admin(api, "DELETE", path)
        assert refusal(answer) == (409, "in_use")
        assert "has showtimes" in answer.json["detail"]
    assert (await admin(api, "DELETE", f"/showtimes/{cinema.showtime_id}")).status == 204
    for path in paths:
        assert (await admin(api, "DELETE", path)).status == 204
    assert (await admin(api, "DELETE", f"/seats/{cinema.seat_ids[0]}")).status == 404


@pytest.mark.parametrize(
    ("times", "fits"),
    [
        (at("10:00", "12:00"), False),
        (at("09:00", "10:01"), False),
        (at("11:59", "13:00"), False),
        (at("10:30", "11:00"), False),
        (at("09:00", "13:00"), False),
        ({"starts_at": "2031-01-01T12:30:00+01:00", "ends_at": "2031-01-01T14:00:00+01:00"}, False),
        (at("08:00", "10:00"), True),
        (at("12:00", "14:00"), True),
    ],
)
async def test_an_overlapping_showtime_is_409(shared_api: Api, times: dict[str, str], fits: bool) -> None:
    cinema = await shared_api.cinema(**at("10:00", "12:00"))
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "1.00"}
    later = await shared_api.showtime(cinema.movie_id, cinema.auditorium_id, **at("20:00", "22:00"))
    moved = await admin(shared_api, "PUT", f"/showtimes/{later}", body | times)
    assert moved.status == (200 if fits else 409)
    await admin(shared_api, "DELETE", f"/showtimes/{later}")
    added = await admin(shared_api, "POST", "/showtimes", body | times)
    assert added.status == (201 if fits else 409)
    for answer in () if fits else (moved, added):
        assert answer.code == "showtime_overlap"
        assert answer.json["conflicting_showtime_id"] == cinema.showtime_id
    elsewhere, _ = await shared_api.auditorium(1, 1)
    await shared_api.showtime(cinema.movie_id, elsewhere, **times)


async def test_a_showtime_does_not_overlap_itself(api: Api) -> None:
    cinema = await api.cinema(**at("10:00", "12:00"))
    assert (await replace(api, cinema, **at("11:00", "13:00"))).status == 200


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [("12:14", "13:00", 0), ("12:15", "13:00", 1), ("09:00", "09:46", 0), ("09:00", "09:45", 1)],
)
async def test_cleaning_minutes_keep_a_gap(start_api: StartApi, start: str, end: str, fits: int) -> None:
    api = await start_api(CLEANING_MINUTES="15")
    cinema = await api.cinema(**at("10:00", "12:00"))
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "1.00"}
    answer = await admin(api, "POST", "/showtimes", body | at(start, end))
    assert answer.status == (201 if fits else 409), answer.text
    if not fits:
        assert answer.json["conflicting_showtime_id"] == cinema.showtime_id


async def test_of_racing_overlapping_showtimes_one_is_created(api: Api) -> None:
    body = await valid_body(api, "showtimes")
    answers = await asyncio.gather(*(admin(api, "POST", "/showtimes", body) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 5
    [made] = [answer.json["id"] for answer in answers if answer.status == 201]
    assert {answer.json["conflicting_showtime_id"] for answer in answers if answer.status == 409} == {made}
