"""An administrator calls off a showtime: its reservations are cancelled with it, and its auditorium is free."""

import pytest

from tests.api import Answer, Api, Connection, slot
from tests.catalog.test_changed_showtimes import replace
from tests.races.test_booking_races import assert_sound

REASON = {"reason": "The projector is broken."}


async def call_off(api: Api, showtime_id: int, reason: object = REASON) -> Answer:
    return await api.call("POST", f"/admin/showtimes/{showtime_id}/cancel", reason, who=await api.admin())


async def test_a_called_off_showtime_cancels_its_live_holds_and_confirmed_reservations(
    api: Api, db: Connection
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    ids = [(await api.hold(customer, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids[:5]]
    held, confirmed, cancelled, expired, second = ids
    for reservation_id in (confirmed, second):
        assert (await api.confirm(customer, reservation_id)).status == 200
    assert (await api.cancel(customer, cancelled)).status == 200
    await db.execute("update reservations set expires_at = now() where id = $1", expired)

    answer = await call_off(api, cinema.showtime_id)

    assert answer.status == 200, answer.text
    assert answer.json["cancelled_reservations"] == 3
    shown = {name: answer.json[name] for name in ("id", "status", "cancel_reason")}
    assert shown == {"id": cinema.showtime_id, "status": "cancelled", "cancel_reason": REASON["reason"]}
    found = {each: (await api.call("GET", f"/reservations/{each}", who=customer)).json for each in ids}
    assert {each: (found[each]["status"], found[each]["cancelled_by"]) for each in ids} == {
        held: ("cancelled", "cinema"),
        confirmed: ("cancelled", "cinema"),
        second: ("cancelled", "cinema"),
        cancelled: ("cancelled", "customer"),
        expired: ("expired", None),
    }
    assert found[held]["cancelled_at"] == answer.json["cancelled_at"]
    assert found[held]["showtime"]["status"] == "cancelled"
    statuses = await api.statuses(cinema.showtime_id)
    assert statuses.pop(cinema.seat_ids[3]) == "held"  # Redis has not expired it: only PostgreSQL's row was changed
    assert set(statuses.values()) == {"available"}


async def test_to_call_off_a_showtime_again_changes_nothing(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    for seat in cinema.seat_ids[:2]:
        await api.hold(customer, cinema.showtime_id, [seat])
    first = await call_off(api, cinema.showtime_id)
    await db.execute("update showtimes set starts_at = now() - interval '1 hour' where id = $1", cinema.showtime_id)
    first.json["starts_at"] = (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json["starts_at"]

    again = await call_off(api, cinema.showtime_id, {"reason": "Another one."})

    assert again.status == 200
    assert again.json == first.json
    assert again.json["cancelled_reservations"] == 2


async def test_a_called_off_showtime_is_not_sold(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    assert (await call_off(api, cinema.showtime_id)).status == 200
    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
    assert (refused.status, refused.code) == (409, "showtime_cancelled")
    confirmed = await api.confirm(customer, held["id"])
    assert (confirmed.status, confirmed.code) == (409, "reservation_cancelled")


@pytest.mark.parametrize("force", [False, True])
async def test_a_called_off_showtime_does_not_change(api: Api, force: bool) -> None:
    cinema = await api.cinema()
    path = f"/admin/showtimes/{cinema.showtime_id}"
    assert (await call_off(api, cinema.showtime_id)).status == 200
    before = (await api.call("GET", path, who=await api.admin())).json
    other_room, _ = await api.auditorium()
    for change in ({"auditorium_id": other_room}, slot(24), {"base_price": "12.00"}, {}):
        refused = await replace(api, cinema, force, **change)
        assert (refused.status, refused.code) == (409, "showtime_cancelled")
    assert (await api.call("GET", path, who=await api.admin())).json == before
    assert (await api.call("DELETE", path, who=await api.admin())).status == 204


async def test_another_showtime_gets_the_time_of_a_called_off_one(api: Api) -> None:
    cinema = await api.cinema(**slot(30))
    assert (await call_off(api, cinema.showtime_id)).status == 200
    await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(30))


async def test_a_showtime_that_has_started_cannot_be_called_off(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    await db.execute("update showtimes set starts_at = now() where id = $1", cinema.showtime_id)
    refused = await call_off(api, cinema.showtime_id)
    assert (refused.status, refused.code) == (409, "showtime_started")
    assert refused.json["detail"] == "The showtime has started: it can no longer be called off."
    found = await api.call("GET", f"/showtimes/{cinema.showtime_id}")
    assert found.json["status"] == "scheduled"


async def test_a_reason_is_needed_and_the_showtime_must_exist(api: Api) -> None:
    cinema = await api.cinema()
    assert (await call_off(api, cinema.showtime_id, {})).status == 422
    assert (await call_off(api, cinema.showtime_id, {"reason": " "})).status == 422
    assert (await call_off(api, cinema.showtime_id + 1)).status == 404
    customer = await api.sign_up()
    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    assert (await api.call("POST", path, REASON, who=customer)).status == 403


async def test_a_showtime_of_many_seats_is_called_off_at_once(api: Api, db: Connection, redis_url: str) -> None:
    cinema, customer = await api.cinema(rows=100, seats_per_row=100), await api.sign_up()
    await db.execute(
        """insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, confirmed_at, seat_ids,
        row_labels, seat_numbers, prices)
        select gen_random_uuid(), $1, $2, 'confirmed', 20, now() + interval '1 minute', now(), array[s.id, s.id + 1],
        array['A', 'A'], array[1, 2], array[10, 10] from unnest($3::bigint[]) as s (id)""",
        customer.id,
        cinema.showtime_id,
        cinema.seat_ids[::2],
    )
    await db.execute(
        "insert into booked_seats (showtime_id, seat_id, reservation_id)"
        " select r.showtime_id, unnest(r.seat_ids), r.id from reservations as r"
    )

    answer = await call_off(api, cinema.showtime_id)

    assert answer.json["cancelled_reservations"] == 5000
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)
