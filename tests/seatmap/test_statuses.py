"""GET /auditoriums/{id}/layout and ?fields=status: together they are the seat map."""

import asyncio
from typing import Any

import pytest

from tests.api import Answer, Api, Cinema
from tests.catalog.test_changed_showtimes import replace
from tests.conftest import StartApi

LETTERS = {"available": "a", "held": "h", "booked": "b"}


async def layout_of(api: Api, auditorium_id: int, etag: str | None = None) -> Answer:
    headers = {} if etag is None else {"If-None-Match": etag}
    return await api.call("GET", f"/auditoriums/{auditorium_id}/layout", headers=headers)


async def statuses_of(api: Api, showtime_id: int, etag: str | None = None) -> Answer:
    headers = {} if etag is None else {"If-None-Match": etag}
    return await api.call("GET", f"/showtimes/{showtime_id}/seats?fields=status", headers=headers)


async def assert_equal_to_the_map(api: Api, cinema: Cinema) -> None:
    """Without changes meanwhile."""
    whole = (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).json
    layout, statuses = (await layout_of(api, cinema.auditorium_id)).json, await statuses_of(api, cinema.showtime_id)
    assert statuses.json == {
        "showtime_id": cinema.showtime_id,
        "version": whole["version"],
        "auditorium_id": layout["auditorium_id"],
        "layout_version": layout["version"],
        "statuses": "".join(LETTERS[seat["status"]] for seat in whole["seats"]),
    }
    shown = [{name: seat[name] for name in ("id", "row_label", "seat_number", "seat_type")} for seat in whole["seats"]]
    assert [seat | {"price_modifier": "1.00", "x": None, "y": None} for seat in shown] == layout["seats"]


async def test_layout_and_statuses_are_the_map(api: Api) -> None:
    cinema, customer = await api.cinema(rows=3, seats_per_row=4), await api.sign_up()
    await assert_equal_to_the_map(api, cinema)
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:3])
    sold = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[11:])
    await assert_equal_to_the_map(api, cinema)
    assert (await api.confirm(customer, sold.json["id"])).status == 200
    await assert_equal_to_the_map(api, cinema)
    assert (await statuses_of(api, cinema.showtime_id)).json["statuses"] == "ahhaaaaaaaab"


@pytest.mark.parametrize(("rows", "seats_per_row"), [(1, 1), (100, 100)])
async def test_odd_rooms_have_layout_and_statuses(api: Api, rows: int, seats_per_row: int) -> None:
    cinema, customer = await api.cinema(rows=rows, seats_per_row=seats_per_row), await api.sign_up()
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[-1:])
    await assert_equal_to_the_map(api, cinema)
    statuses = (await statuses_of(api, cinema.showtime_id)).json["statuses"]
    assert statuses == "a" * (rows * seats_per_row - 1) + "h"


async def test_a_room_without_seats_has_an_empty_layout(api: Api) -> None:
    room = await api.make("/admin/auditoriums", {"name": "Empty", "capacity": 1})
    showtime_id = await api.showtime(await api.movie(), room["id"])
    layout, statuses = await layout_of(api, room["id"]), await statuses_of(api, showtime_id)
    assert layout.json == {"auditorium_id": room["id"], "version": statuses.json["layout_version"], "seats": []}
    assert statuses.json["statuses"] == ""


async def test_a_change_of_the_plan_is_seen_at_once_by_all_instances(start_api: StartApi) -> None:
    here, there = await start_api(), await start_api()
    cinema, customer = await here.cinema(rows=1, seats_per_row=4), await here.sign_up()
    before = [await layout_of(api, cinema.auditorium_id) for api in (here, there)]
    maps = [await statuses_of(api, cinema.showtime_id) for api in (here, there)]
    gone = await here.call("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", who=await here.admin())
    assert gone.status == 204
    for api, layout, statuses in zip((here, there), before, maps, strict=True):
        after = await layout_of(api, cinema.auditorium_id, layout.headers["ETag"])
        assert after.status == 200
        assert after.json["version"] > layout.json["version"]
        assert [seat["id"] for seat in after.json["seats"]] == cinema.seat_ids[1:]
        changed = await statuses_of(api, cinema.showtime_id, statuses.headers["ETag"])
        assert (changed.status, changed.json["statuses"]) == (200, "aaa")
        assert changed.json["layout_version"] == after.json["version"]
        await assert_equal_to_the_map(api, cinema)
        refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert (refused.status, refused.code) == (422, "validation_error")


async def test_a_price_changes_neither_layout_nor_layout_version(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=2)
    layout, statuses = await layout_of(api, cinema.auditorium_id), await statuses_of(api, cinema.showtime_id)
    showtime = (await api.call("GET", f"/admin/showtimes/{cinema.showtime_id}", who=await api.admin())).json
    fields = ("movie_id", "auditorium_id", "starts_at", "ends_at")
    body: dict[str, Any] = {name: showtime[name] for name in fields} | {"base_price": "99.00"}
    path = f"/admin/showtimes/{cinema.showtime_id}"
    assert (await api.call("PUT", path, body, who=await api.admin())).status == 200
    assert (await layout_of(api, cinema.auditorium_id, layout.headers["ETag"])).status == 304
    after = await statuses_of(api, cinema.showtime_id)
    assert after.json["version"] > statuses.json["version"]
    assert after.json["layout_version"] == statuses.json["layout_version"]


async def test_a_showtime_that_has_moved_names_its_new_auditorium(api: Api) -> None:
    """Both layouts have the same version, and as many seats."""
    cinema = await api.cinema(rows=1, seats_per_row=2)
    other_room, _ = await api.auditorium(1, 2)
    before = (await statuses_of(api, cinema.showtime_id)).json
    moved = await replace(api, cinema, auditorium_id=other_room)
    assert moved.status == 200, moved.text
    after = (await statuses_of(api, cinema.showtime_id)).json
    assert (before["auditorium_id"], after["auditorium_id"]) == (cinema.auditorium_id, other_room)
    assert before["layout_version"] == after["layout_version"]


async def test_layout_and_statuses_are_304_while_nothing_has_changed(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=2), await api.sign_up()
    for read, of in ((layout_of, cinema.auditorium_id), (statuses_of, cinema.showtime_id)):
        first = await read(api, of)
        etag = first.headers["ETag"]
        kept = "no-cache" if read is statuses_of else "public, max-age=60"
        assert first.headers["Cache-Control"] == kept
        for known in (etag, f'"1", {etag}', f"W/{etag}", "*"):
            again = await read(api, of, known)
            assert (again.status, again.text, again.headers["ETag"]) == (304, "", etag)
            assert again.headers["Cache-Control"] == kept
        assert (await read(api, of, '"1"')).status == 200
    whole = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
    assert (await statuses_of(api, cinema.showtime_id, whole.headers["ETag"])).status == 200
    known = (await statuses_of(api, cinema.showtime_id)).headers["ETag"]
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await statuses_of(api, cinema.showtime_id, known)).json["statuses"] == "ha"


@pytest.mark.parametrize(
    "query", ["fields=", "fields=seats", "fields=status,price", "fields=status&fields=status", "fields=status&since=1"]
)
async def test_other_fields_are_422(api: Api, query: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=1)
    answer = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats?{query}")
    assert (answer.status, answer.code) == (422, "validation_error")


async def test_unknown_rooms_and_showtimes_are_404(api: Api) -> None:
    for etag in (None, '"1"', "*"):
        assert (await layout_of(api, 4711, etag)).status == 404
        assert (await statuses_of(api, 4711, etag)).status == 404
    assert (await layout_of(api, 0)).status == 404


async def test_concurrent_requests_of_a_layout_get_the_same(api: Api) -> None:
    rooms = [(await api.auditorium(rows, 3))[0] for rows in (1, 2, 3)]
    answers = await asyncio.gather(*(layout_of(api, room) for room in rooms * 10))
    for answer, room in zip(answers, rooms * 10, strict=True):
        assert answer.json["auditorium_id"] == room
        assert len(answer.json["seats"]) == 3 * (1 + rooms.index(room))


async def test_a_layout_is_kept_for_long_only_under_a_url_with_its_version(api: Api) -> None:
    cinema, admin = await api.cinema(), await api.admin()
    path = f"/auditoriums/{cinema.auditorium_id}/layout"
    version = (await statuses_of(api, cinema.showtime_id)).json["layout_version"]

    first = await api.call("GET", f"{path}?version={version}")
    again = await api.call("GET", f"{path}?version={version}", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status, first.json["version"]) == (200, 304, version)
    immutable = "public, max-age=86400, immutable"
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == immutable

    assert (await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", who=admin)).status == 204
    old = await api.call("GET", f"{path}?version={version}")
    assert (old.json["version"], old.headers["Cache-Control"]) == (version + 1, "no-cache")
    new = await api.call("GET", f"{path}?version={version + 1}")
    assert (new.json, new.headers["Cache-Control"]) == (old.json, immutable)
    assert (await api.call("GET", f"{path}?version=0")).code == "validation_error"
