"""A film with a waiting room: showtimes that are written without a value of their own have one."""

from typing import Any

import pytest

from tests.api import Answer, Api, slot

FILM = {"title": "A Film", "duration_minutes": 90}
BODY = ("movie_id", "auditorium_id", "starts_at", "ends_at", "base_price")


async def body_of(api: Api, movie_id: int, **fields: Any) -> dict[str, Any]:
    """A showtime without waiting_room in a room of its own."""
    room, _ = await api.auditorium()
    return {"movie_id": movie_id, "auditorium_id": room, "base_price": "10.00", **slot(24), **fields}


async def replace(api: Api, showtime: Any, **changes: Any) -> Answer:
    """Replace a showtime by a body that has no waiting_room unless it is given."""
    body = {name: showtime[name] for name in BODY} | changes
    return await api.call("PUT", f"/admin/showtimes/{showtime['id']}", body, who=await api.admin())


async def set_waiting_room(api: Api, movie_id: int, value: bool) -> None:
    body = FILM | {"waiting_room": value}
    answer = await api.call("PUT", f"/admin/movies/{movie_id}", body, who=await api.admin())
    assert (answer.status, answer.json["waiting_room"]) == (200, value)


async def test_a_film_has_no_waiting_room_unless_it_is_given_one(api: Api) -> None:
    movie_id = await api.movie()
    assert (await api.call("GET", f"/movies/{movie_id}")).json["waiting_room"] is False
    made = await api.make("/admin/showtimes", await body_of(api, movie_id))
    assert made["waiting_room"] is False


@pytest.mark.parametrize("given", [{}, {"waiting_room": None}])
async def test_a_new_showtime_takes_the_value_of_its_film(api: Api, given: dict[str, Any]) -> None:
    """Holds of it then need an admission."""
    movie_id, person = await api.movie(waiting_room=True), await api.sign_up()
    made = await api.make("/admin/showtimes", await body_of(api, movie_id) | given)
    assert made["waiting_room"] is True
    answer = await api.call("POST", f"/showtimes/{made['id']}/holds", {"quantity": 1}, who=person)
    assert (answer.status, answer.code) == (403, "admission_required")


@pytest.mark.parametrize("own", [False, True])
async def test_a_showtimes_own_value_counts_before_that_of_its_film(api: Api, own: bool) -> None:
    movie_id = await api.movie(waiting_room=not own)
    made = await api.make("/admin/showtimes", await body_of(api, movie_id, waiting_room=own))
    assert made["waiting_room"] is own
    assert (await replace(api, made, waiting_room=own)).json["waiting_room"] is own


async def test_showtimes_of_a_batch_take_the_values_of_their_films(api: Api) -> None:
    films = [await api.movie(waiting_room=value) for value in (True, False, True)]
    bodies = [await body_of(api, movie_id) for movie_id in films]
    bodies[2]["waiting_room"] = False
    answer = await api.call("POST", "/admin/showtimes/batch", {"showtimes": bodies}, who=await api.admin())
    assert answer.status == 200, answer.text
    assert [each["showtime"]["waiting_room"] for each in answer.json["results"]] == [True, False, False]


async def test_a_change_of_the_films_value_changes_no_showtime_that_exists(api: Api) -> None:
    movie_id = await api.movie()
    made = await api.make("/admin/showtimes", await body_of(api, movie_id))
    for value in (True, False):
        await set_waiting_room(api, movie_id, value)
        shown = (await api.call("GET", f"/showtimes/{made['id']}")).json
        assert (shown["waiting_room"], shown["updated_at"]) == (made["waiting_room"], made["updated_at"])
        made = await api.make("/admin/showtimes", await body_of(api, movie_id))
        assert made["waiting_room"] is value


async def test_a_showtime_that_is_replaced_takes_the_value_of_its_new_film(api: Api) -> None:
    plain, waiting = await api.movie(), await api.movie(waiting_room=True)
    made = await api.make("/admin/showtimes", await body_of(api, plain, waiting_room=True))
    assert (await replace(api, made)).json["waiting_room"] is False
    assert (await replace(api, made, movie_id=waiting)).json["waiting_room"] is True


async def test_a_showtime_cannot_be_replaced_by_one_of_no_film(api: Api) -> None:
    """Its missing value does not hide the reason."""
    made = await api.make("/admin/showtimes", await body_of(api, await api.movie()))
    answer = await replace(api, made, movie_id=4711)
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, ["/movie_id"])


@pytest.mark.parametrize(
    ("original", "of_film", "wanted"), [(True, False, True), (False, True, True), (False, False, False)]
)
async def test_a_copy_has_a_waiting_room_if_its_original_or_its_film_has_one(
    api: Api, original: bool, of_film: bool, wanted: bool
) -> None:
    cinema = await api.make("/admin/cinemas", {"name": "Kino", "timezone": "UTC"})
    room, _ = await api.auditorium(cinema_id=cinema["id"])
    movie_id = await api.movie(waiting_room=of_film)
    times = {"starts_at": "2031-03-24T19:00:00Z", "ends_at": "2031-03-24T21:00:00Z"}
    await api.showtime(movie_id, room, waiting_room=original, **times)
    body = {"cinema_id": cinema["id"], "from": "2031-03-24", "to": "2031-03-24", "shift_days": 7}
    answer = await api.call("POST", "/admin/showtimes/copy", body, who=await api.admin())
    [result] = answer.json["results"]
    assert result["showtime"]["waiting_room"] is wanted


@pytest.mark.parametrize(("of_film", "wanted"), [(True, False), (False, True)])
async def test_a_copy_has_the_waiting_room_that_its_request_asks_for(api: Api, of_film: bool, wanted: bool) -> None:
    cinema = await api.make("/admin/cinemas", {"name": "Kino", "timezone": "UTC"})
    room, _ = await api.auditorium(cinema_id=cinema["id"])
    times = {"starts_at": "2031-03-24T19:00:00Z", "ends_at": "2031-03-24T21:00:00Z"}
    await api.showtime(await api.movie(waiting_room=of_film), room, **times)
    body = {
        "cinema_id": cinema["id"],
        "from": "2031-03-24",
        "to": "2031-03-24",
        "shift_days": 7,
        "waiting_room": wanted,
    }
    answer = await api.call("POST", "/admin/showtimes/copy", body, who=await api.admin())
    [result] = answer.json["results"]
    assert result["showtime"]["waiting_room"] is wanted


async def test_the_change_log_has_the_films_value(api: Api) -> None:
    movie_id, admin = await api.movie(), await api.admin()
    await set_waiting_room(api, movie_id, True)
    found = await api.call("GET", f"/admin/change-log?subject=movie/{movie_id}", who=admin)
    newest = found.json["items"][0]
    assert (newest["before"]["waiting_room"], newest["after"]["waiting_room"]) == (False, True)
