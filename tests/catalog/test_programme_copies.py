"""The programme of some days is copied to later days: the same times of day, each showtime with its own outcome."""

from typing import Any

import pytest

from tests.api import Answer, Api

DAY = {"from": "2031-03-24", "to": "2031-03-25", "shift_days": 7}  # Berlin's clocks change on 2031-03-30


async def copy(api: Api, cinema_id: int, **changes: Any) -> Answer:
    body = DAY | {"cinema_id": cinema_id} | changes
    return await api.call("POST", "/admin/showtimes/copy", body, who=await api.admin())


async def berlin(api: Api) -> tuple[int, int, int]:
    """A cinema in Berlin with a room, and a film."""
    cinema_id = (await api.make("/admin/cinemas", {"name": "Kino", "timezone": "Europe/Berlin"}))["id"]
    room, _ = await api.auditorium(cinema_id=cinema_id)
    return cinema_id, room, await api.movie()


def at(start: str, end: str) -> dict[str, str]:
    return {"starts_at": start, "ends_at": end}


async def test_a_copy_keeps_the_time_of_day_across_a_change_of_clocks(api: Api) -> None:
    cinema_id, room, movie = await berlin(api)
    details = {
        "base_price": "12.50",
        "format": "IMAX",
        "on_sale_at": "2031-03-20T09:00:00Z",
        "sales_end_at": "2031-03-24T19:30:00Z",
    }
    evening = await api.showtime(movie, room, **at("2031-03-24T19:00:00Z", "2031-03-24T21:00:00Z") | details)

    answer = await copy(api, cinema_id)

    assert (answer.status, answer.json["created"], answer.json["failed"]) == (200, 1, 0)
    [result] = answer.json["results"]
    assert (result["index"], result["status"], result["copied_from"]) == (0, "created", evening)
    wanted = {
        "movie_id": movie,
        "auditorium_id": room,
        "starts_at": "2031-03-31T18:00:00Z",
        "ends_at": "2031-03-31T20:00:00Z",
        "base_price": "12.50",
        "format": "IMAX",
        "on_sale_at": "2031-03-27T09:00:00Z",
        "sales_end_at": "2031-03-31T18:30:00Z",
        "status": "scheduled",
    }
    assert {name: result["showtime"][name] for name in wanted} == wanted


async def test_both_days_are_copied_by_the_cinemas_time_zone_and_nothing_else(api: Api) -> None:
    cinema_id, room, movie = await berlin(api)
    elsewhere, _ = await api.auditorium(cinema_id=1)
    hours = ("23T22", "23T23", "25T22", "25T23")  # in Berlin 23:00 and 0:00, the next day
    made = [await api.showtime(movie, room, **at(f"2031-03-{hour}:00:00Z", f"2031-03-{hour}:50:00Z")) for hour in hours]
    await api.showtime(movie, elsewhere, **at("2031-03-24T10:00:00Z", "2031-03-24T12:00:00Z"))
    called_off = await api.showtime(movie, room, **at("2031-03-24T10:00:00Z", "2031-03-24T12:00:00Z"))
    path = f"/admin/showtimes/{called_off}/cancel"
    assert (await api.call("POST", path, {"reason": "Flooded."}, who=await api.admin())).status == 200

    answer = await copy(api, cinema_id)

    assert [result["copied_from"] for result in answer.json["results"]] == made[1:3]


async def test_a_copy_that_overlaps_fails_alone_and_names_the_other(api: Api) -> None:
    cinema_id, room, movie = await berlin(api)
    first = await api.showtime(movie, room, **at("2031-03-24T10:00:00Z", "2031-03-24T12:00:00Z"))
    second = await api.showtime(movie, room, **at("2031-03-24T19:00:00Z", "2031-03-24T21:00:00Z"))
    other = await api.showtime(movie, room, **at("2031-03-31T17:00:00Z", "2031-03-31T19:00:00Z"))

    answer = await copy(api, cinema_id)

    assert (answer.json["created"], answer.json["failed"]) == (1, 1)
    created, failed = answer.json["results"]
    assert (created["status"], created["copied_from"]) == ("created", first)
    assert (failed["status"], failed["copied_from"]) == ("failed", second)
    assert failed["error"]["code"] == "showtime_overlap"
    assert failed["error"]["conflicting_showtime_id"] == other
    again = await copy(api, cinema_id)
    assert (again.json["created"], again.json["failed"]) == (0, 2)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"to": "2031-03-23"}, "/to"),
        ({"shift_days": 0}, "/shift_days"),
        ({"cinema_id": 4711}, "/cinema_id"),
        ({"from": "24.3.2031"}, "/from"),
    ],
)
async def test_an_invalid_copy_is_422(api: Api, change: dict[str, Any], pointer: str) -> None:
    refused = await copy(api, **{"cinema_id": 1} | change)
    assert (refused.status, [error["pointer"] for error in refused.json["errors"]]) == (422, [pointer])


async def test_more_showtimes_than_a_copy_can_have_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    cinema_id, room, movie = await berlin(api)
    for hour in (10, 12):
        await api.showtime(movie, room, **at(f"2031-03-24T{hour}:00:00Z", f"2031-03-24T{hour + 1}:00:00Z"))
    monkeypatch.setattr("reservation.catalog.programme_copies.MAX_COPIES", 1)
    refused = await copy(api, cinema_id)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/to")


async def test_only_administrators_copy_a_programme(api: Api) -> None:
    customer = await api.sign_up()
    assert (await api.call("POST", "/admin/showtimes/copy", DAY | {"cinema_id": 1}, who=customer)).status == 403
