"""A showtime can be held from on_sale_at until sales_end_at, by PostgreSQL's clock, unless it is cancelled."""

from datetime import UTC, datetime, timedelta, tzinfo
from time import time
from typing import Any

import pytest

from reservation.http.app_keys import BOOKING_CONTEXT
from reservation.seatmap import layouts
from tests.api import Answer, Api, Connection, Person

BODIES = [{"quantity": 2}, None]  # None: a hold of the first two seats by id


def from_now(hours: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


async def hold(api: Api, who: Person, showtime_id: int, body: dict[str, int] | None, seat_ids: list[int]) -> Answer:
    if body is None:
        return await api.hold(who, showtime_id, seat_ids[:2])
    return await api.call("POST", f"/showtimes/{showtime_id}/holds", body, who=who)


@pytest.mark.parametrize("body", BODIES)
async def test_a_hold_before_the_sale_is_409_and_says_when_it_begins(api: Api, body: dict[str, int] | None) -> None:
    begins = from_now(2)
    cinema = await api.cinema(on_sale_at=begins.isoformat())
    customer = await api.sign_up()
    for _ in range(2):  # before and after the worker knows the showtime
        refused = await hold(api, customer, cinema.showtime_id, body, cinema.seat_ids)
        assert (refused.status, refused.code) == (409, "not_on_sale")
        assert datetime.fromisoformat(refused.json["on_sale_at"]) == begins
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


@pytest.mark.parametrize("body", BODIES)
async def test_a_hold_after_the_end_of_the_sale_is_409(api: Api, db: Connection, body: dict[str, int] | None) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await db.execute("update showtimes set sales_end_at = now() where id = $1", cinema.showtime_id)
    refused = await hold(api, customer, cinema.showtime_id, body, cinema.seat_ids)
    assert (refused.status, refused.code) == (409, "sales_ended")


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("window", "clock_h", "code"),
    [({"on_sale_at": 2.0}, 3.0, "not_on_sale"), ({"sales_end_at": 2.0}, -3.0, "sales_ended")],
    ids=["the clock is fast", "the clock is slow"],
)
async def test_a_hold_out_of_the_sale_is_409_at_a_worker_whose_clock_is_wrong(
    api: Api,
    db: Connection,
    monkeypatch: pytest.MonkeyPatch,
    body: dict[str, int] | None,
    window: dict[str, float],
    clock_h: float,
    code: str,
) -> None:
    """The worker has the layout of now, and takes the sale as open; PostgreSQL, which knows better, decides."""
    fields: dict[str, Any] = {name: from_now(hours).isoformat() for name, hours in window.items()}
    cinema = await api.cinema(**fields)
    customer = await api.sign_up()
    if code == "sales_ended":  # as if the time had passed: the version of the layout stays
        await db.execute("alter table showtimes disable trigger user")
        await db.execute("update showtimes set sales_end_at = now() where id = $1", cinema.showtime_id)
        await db.execute("alter table showtimes enable trigger user")

    class WrongClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "WrongClock":
            return cls.fromtimestamp(time() + clock_h * 3600, tz)

    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status == 200
    monkeypatch.setattr(layouts, "datetime", WrongClock)
    layout = api.client.app[BOOKING_CONTEXT].layouts.known(cinema.showtime_id)
    assert layout is not None
    assert layout.is_on_sale

    refused = await hold(api, customer, cinema.showtime_id, body, cinema.seat_ids)

    assert (refused.status, refused.code) == (409, code)
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


@pytest.mark.parametrize("body", BODIES)
async def test_a_hold_of_a_cancelled_showtime_is_409(api: Api, db: Connection, body: dict[str, int] | None) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await db.execute(
        "update showtimes set status = 'cancelled', cancelled_at = now(), on_sale_at = now() + interval '1 hour'"
        " where id = $1",
        cinema.showtime_id,
    )
    refused = await hold(api, customer, cinema.showtime_id, body, cinema.seat_ids)
    assert (refused.status, refused.code) == (409, "showtime_cancelled")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("on_sale_at = now() + interval '1 hour'", "not_on_sale"),
        ("sales_end_at = now()", "sales_ended"),
        ("starts_at = now() - interval '1 minute'", "showtime_started"),
        ("status = 'cancelled', cancelled_at = now()", "showtime_cancelled"),
    ],
)
async def test_a_hold_with_a_layout_from_before_a_change_is_409(
    api: Api, db: Connection, change: str, code: str
) -> None:
    """The worker believes that the showtime is on sale; the insert decides."""
    cinema, customer = await api.cinema(), await api.sign_up()
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    await db.execute(f"update showtimes set {change} where id = $1", cinema.showtime_id)
    layout = api.client.server.app[BOOKING_CONTEXT].layouts.known(cinema.showtime_id)  # type: ignore[attr-defined]
    assert layout is not None
    assert layout.is_on_sale

    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])

    assert (refused.status, refused.code) == (409, code)
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[1]] == "available"


async def test_seats_are_sold_after_the_start_if_the_sale_ends_later(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await db.execute(
        "update showtimes set starts_at = now() - interval '1 minute', sales_end_at = now() + interval '10 minutes'"
        " where id = $1",
        cinema.showtime_id,
    )
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201
    await db.execute(
        "update showtimes set starts_at = now() - interval '1 hour', sales_end_at = now() where id = $1",
        cinema.showtime_id,
    )
    refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
    assert (refused.status, refused.code) == (409, "showtime_started")


@pytest.mark.parametrize(
    ("change", "code"),
    [("sales_end_at = now()", "sales_ended"), ("starts_at = now() - interval '1 minute'", "showtime_started")],
)
async def test_a_hold_is_not_extended_after_the_sale_but_can_be_confirmed(
    api: Api, db: Connection, change: str, code: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    await db.execute(f"update showtimes set {change} where id = $1", cinema.showtime_id)

    refused = await api.extend(customer, held["id"])

    assert (refused.status, refused.code) == (409, code)
    assert (await api.confirm(customer, held["id"])).status == 200
