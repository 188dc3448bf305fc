"""A reserved showtime changes its film, auditorium and time only by force, and its reservations stay."""

from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.db.repository import audit
from tests.api import Answer, Api, Cinema, Connection, slot
from tests.races.test_booking_races import assert_sound


async def replace(api: Api, cinema: Cinema, force: bool | None = None, **changes: Any) -> Answer:
    path = f"/admin/showtimes/{cinema.showtime_id}"
    shown = (await api.call("GET", path, who=await api.admin())).json
    body = {name: shown[name] for name in ("movie_id", "auditorium_id", "starts_at", "ends_at", "base_price")}
    query = {} if force is None else {"force": str(force).lower()}
    return await api.call("PUT", path, body | changes, who=await api.admin(), params=query)


async def change_of(api: Api, what: str) -> dict[str, Any]:
    if what == "movie_id":
        return {"movie_id": await api.movie()}
    if what == "auditorium_id":
        return {"auditorium_id": (await api.auditorium())[0]}
    return {what: slot(23)["starts_at"] if what == "starts_at" else slot(24, 150)["ends_at"]}


@pytest.mark.parametrize("what", ["movie_id", "auditorium_id", "starts_at", "ends_at"])
@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_reserved_showtime_changes_by_force_only(
    api: Api, db: Connection, redis_url: str, what: str, confirmed: bool
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[3:5])).json
    if confirmed:
        assert (await api.confirm(customer, held["id"])).status == 200
    change = await change_of(api, what)

    for force in (None, False):
        refused = await replace(api, cinema, force, **change)
        assert (refused.status, refused.code) == (409, "has_reservations")
        assert "?force=true" in refused.json["detail"]
    changed = await replace(api, cinema, True, **change)

    assert changed.status == 200, changed.text
    shown = (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json
    assert (shown["status"], shown["total_price"]) == ("confirmed" if confirmed else "held", "20.00")
    if what in ("starts_at", "ends_at"):
        assert shown["showtime"][what] == changed.json[what]
    else:
        assert shown["showtime"][what.removesuffix("_id")]["id"] == change[what]
    assert (await api.confirm(customer, held["id"])).status == 200
    statuses = list((await api.statuses(cinema.showtime_id)).values())
    assert [place for place, status in enumerate(statuses) if status == "booked"] == [3, 4]
    await assert_sound(db, redis_url)


async def test_other_details_of_a_reserved_showtime_change_without_force(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    assert (await replace(api, cinema, base_price="12.00", format="IMAX")).status == 200
    assert (await api.confirm(customer, held["id"])).json["total_price"] == "10.00"


@pytest.mark.parametrize("ended", ["cancelled", "expired"])
async def test_reservations_that_have_ended_do_not_keep_a_showtime_from_changing(
    api: Api, db: Connection, ended: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    if ended == "cancelled":
        await api.cancel(customer, held["id"])
    else:
        await db.execute("update reservations set expires_at = now() where id = $1", held["id"])
    small, _ = await api.auditorium(1, 1)
    assert (await replace(api, cinema, auditorium_id=small, **slot(48))).status == 200
    assert await audit.violations(db, rule="audit/seats_of_other_rooms", row_limit=10) == []


async def test_a_moved_hold_has_its_seats_in_the_new_auditorium_in_both_stores(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, rival = await api.cinema(), await api.sign_up(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    room, seat_ids = await api.auditorium()

    assert (await replace(api, cinema, True, auditorium_id=room)).status == 200

    shown = (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json
    assert [seat["seat_id"] for seat in shown["seats"]] == seat_ids[:2]
    assert [(seat["row_label"], seat["seat_number"]) for seat in shown["seats"]] == [("A", 1), ("A", 2)]
    assert shown["expires_at"] == held["expires_at"]
    refused = await api.hold(rival, cinema.showtime_id, seat_ids[1:3])
    assert refused.json["seats"] == [{"seat_id": seat_ids[1], "reason": "held"}]
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter(f"{{{cinema.showtime_id}}}:seat:*")]
    assert sorted(keys) == [f"{{{cinema.showtime_id}}}:seat:{seat_id}" for seat_id in seat_ids[:2]]
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("confirmed", [False, True])
async def test_an_auditorium_without_the_reserved_seats_is_refused_and_names_them(
    api: Api, db: Connection, redis_url: str, confirmed: bool
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[0], cinema.seat_ids[49]])).json
    if confirmed:
        assert (await api.confirm(customer, held["id"])).status == 200
    room, _ = await api.auditorium(4, 10)

    refused = await replace(api, cinema, True, auditorium_id=room)

    assert (refused.status, refused.code) == (409, "has_reservations")
    assert refused.json["seats"] == [{"seat_id": cinema.seat_ids[49], "row_label": "E", "seat_number": 10}]
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json["auditorium_id"] == cinema.auditorium_id
    assert (await api.confirm(customer, held["id"])).status == 200


async def test_force_must_be_true_or_false(api: Api) -> None:
    cinema = await api.cinema()
    path = f"/admin/showtimes/{cinema.showtime_id}"
    shown = (await api.call("GET", path, who=await api.admin())).json
    body = {name: shown[name] for name in ("movie_id", "auditorium_id", "starts_at", "ends_at", "base_price")}
    refused = await api.call("PUT", path, body, who=await api.admin(), params={"force": "yes"})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/force")
