"""The seat map: the order of the seats, their status, and the version as ETag."""

from typing import Any

import pytest
import redis

from tests.api import Answer, Api, Cinema, slot


async def seat_map(api: Api, showtime_id: int, etag: str | None = None) -> Answer:
    headers = {} if etag is None else {"If-None-Match": etag}
    return await api.call("GET", f"/showtimes/{showtime_id}/seats", headers=headers)


async def replace(api: Api, cinema: Cinema, **fields: Any) -> None:
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "10.00"} | slot(24)
    answer = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", body | fields, who=await api.admin())
    assert answer.status == 200, answer.text


async def test_seats_are_in_row_then_number_order(api: Api) -> None:
    cinema = await api.cinema(rows=28, seats_per_row=11)
    found = await seat_map(api, cinema.showtime_id)
    assert found.status == 200
    assert found.json["showtime_id"] == cinema.showtime_id
    rows = [chr(ord("A") + index) for index in range(26)] + ["AA", "AB"]
    assert [(seat["row_label"], seat["seat_number"]) for seat in found.json["seats"]] == [
        (row, number) for row in rows for number in range(1, 12)
    ]
    assert [seat["id"] for seat in found.json["seats"]] == cinema.seat_ids
    assert found.json["seats"][0] == {
        "id": cinema.seat_ids[0],
        "row_label": "A",
        "seat_number": 1,
        "seat_type": "regular",
        "price": "10.00",
        "status": "available",
    }


async def test_seats_have_their_type_and_price(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=1, base_price="9.99")
    await api.call(
        "PUT", f"/admin/auditoriums/{cinema.auditorium_id}", {"name": "R", "capacity": 9}, who=await api.admin()
    )
    for kind, modifier in (("premium", "1.50"), ("wheelchair", "0.50")):
        batch = {"rows": 1, "seats_per_row": 1, "seat_type": kind, "price_modifier": modifier}
        await api.make(f"/admin/auditoriums/{cinema.auditorium_id}/seats/batch", batch)
    found = await seat_map(api, cinema.showtime_id)
    assert [(seat["row_label"], seat["seat_type"], seat["price"]) for seat in found.json["seats"]] == [
        ("A", "regular", "9.99"),
        ("B", "premium", "14.99"),
        ("C", "wheelchair", "5.00"),
    ]


async def test_a_room_without_seats_has_an_empty_map(api: Api) -> None:
    room = await api.make("/admin/auditoriums", {"name": "Empty", "capacity": 1})
    showtime_id = await api.showtime(await api.movie(), room["id"])
    found = await seat_map(api, showtime_id)
    assert (found.status, found.json["seats"]) == (200, [])


async def test_every_change_increases_the_version(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    seen = [await seat_map(api, cinema.showtime_id)]

    async def changed(*statuses: str) -> None:
        known = seen[-1]
        found = await seat_map(api, cinema.showtime_id, known.headers["ETag"])
        assert found.status == 200
        assert found.json["version"] > known.json["version"]
        assert found.headers["ETag"] not in {answer.headers["ETag"] for answer in seen}
        assert tuple(seat["status"] for seat in found.json["seats"][: len(statuses)]) == statuses
        seen.append(found)

    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    await changed("held", "held", "available")
    await api.cancel(customer, held.json["id"])
    await changed("available", "available", "available")
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:3])
    await changed("available", "held", "held")
    await api.confirm(customer, held.json["id"])
    await changed("available", "booked", "booked")
    await api.cancel(customer, held.json["id"])
    await changed("available", "available", "available")


async def test_if_none_match_is_304_until_the_map_changes(api: Api) -> None:
    cinema = await api.cinema()
    first = await seat_map(api, cinema.showtime_id)
    etag = first.headers["ETag"]
    assert etag == f'"{first.json["version"]}-gzip"'  # the tests' client asks for gzip
    for known in (etag, f'"1", {etag}', f"W/{etag}", "*"):
        answer = await seat_map(api, cinema.showtime_id, known)
        assert (answer.status, answer.text, answer.headers["ETag"]) == (304, "", etag)
    for unknown in ('"1"', "nonsense", '"', ""):
        assert (await seat_map(api, cinema.showtime_id, unknown)).status == 200
    again = await seat_map(api, cinema.showtime_id)
    assert (again.json, again.headers["ETag"]) == (first.json, etag)


async def test_a_refused_request_changes_no_version(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    before = await seat_map(api, cinema.showtime_id)
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])).status == 409
    after = await seat_map(api, cinema.showtime_id)
    assert after.json["seats"] == before.json["seats"]
    assert after.json["version"] >= before.json["version"]


@pytest.mark.parametrize("change", ["price", "room", "more seats", "fewer seats"])
async def test_an_administrators_change_is_shown(api: Api, change: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    admin, room = await api.admin(), f"/admin/auditoriums/{cinema.auditorium_id}"
    before = await seat_map(api, cinema.showtime_id)

    match change:
        case "price":
            await replace(api, cinema, base_price="12.00")
        case "room":
            await replace(api, cinema, auditorium_id=(await api.auditorium(2, 2))[0])
        case "more seats":
            await api.call("PUT", room, {"name": "R", "capacity": 9}, who=admin)
            await api.make(f"{room}/seats/batch", {"rows": 1, "seats_per_row": 2})
        case "fewer seats":
            assert (await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", who=admin)).status == 204

    after = await seat_map(api, cinema.showtime_id, before.headers["ETag"])
    assert after.status == 200
    assert after.json["version"] > before.json["version"]
    assert after.headers["ETag"] != before.headers["ETag"]
    prices = ["12.00"] * 3 if change == "price" else ["10.00"] * {"room": 4, "more seats": 5, "fewer seats": 2}[change]
    assert [seat["price"] for seat in after.json["seats"]] == prices


async def test_an_unknown_showtime_is_404_and_leaves_nothing_in_redis(api: Api, redis_url: str) -> None:
    for etag in (None, "*", '"1"'):
        missing = await seat_map(api, 4711, etag)
        assert (missing.status, missing.code) == (404, "not_found")
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("*4711*") == []


async def test_a_deleted_showtime_is_404_with_a_known_etag(api: Api) -> None:
    cinema = await api.cinema()
    known = (await seat_map(api, cinema.showtime_id)).headers["ETag"]
    gone = await api.call("DELETE", f"/admin/showtimes/{cinema.showtime_id}", who=await api.admin())
    assert gone.status == 204
    for etag in (known, None):
        assert (await seat_map(api, cinema.showtime_id, etag)).status == 404


async def test_showtimes_in_one_room_have_maps_of_their_own(api: Api) -> None:
    cinema = await api.cinema()
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48), base_price="20.00")
    before = await seat_map(api, other)
    assert (await api.hold(await api.sign_up(), cinema.showtime_id, cinema.seat_ids[:2])).status == 201
    after = await seat_map(api, other, before.headers["ETag"])
    assert after.status == 304
    assert {seat["price"] for seat in before.json["seats"]} == {"20.00"}
