"""Reservations whose id does not name their showtime: those of the version before, and those that were exchanged."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import uuid_utils

from reservation.booking import hold
from reservation.db.reservation_ids import MOST_SHOWTIME_ID, new_reservation_id, showtime_of
from tests.api import Api, Cinema, Connection, Person, slot
from tests.races.test_booking_races import assert_sound


async def held(api: Api, who: Person, cinema: Cinema, seats: slice = slice(3)) -> Any:
    answer = await api.hold(who, cinema.showtime_id, cinema.seat_ids[seats])
    assert answer.status == 201, answer.text
    return answer.json


async def change(api: Api, who: Person, reservation_id: str, how: str, seat_ids: list[int], **more: int) -> Any:
    answer = await api.call("POST", f"/reservations/{reservation_id}/{how}", {"seat_ids": seat_ids} | more, who=who)
    assert answer.status == 200, answer.text
    return answer.json


@pytest.fixture
def ids_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds get ids as the version before made them."""
    monkeypatch.setattr(hold, "new_reservation_id", lambda *_: UUID(bytes=uuid_utils.uuid7().bytes))


@pytest.mark.usefixtures("ids_of_before")
async def test_a_hold_of_the_version_before_is_extended_changed_confirmed_and_cancelled(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = await held(api, customer, cinema)
    assert showtime_of(UUID(reservation["id"])) is None

    assert (await api.extend(customer, reservation["id"])).status == 200
    assert len((await change(api, customer, reservation["id"], "cancel", cinema.seat_ids[:1]))["seats"]) == 2
    assert len((await change(api, customer, reservation["id"], "seats", cinema.seat_ids[4:5]))["seats"]) == 3
    for _ in range(2):
        confirmed = await api.confirm(customer, reservation["id"])
        assert (confirmed.status, confirmed.json["status"]) == (200, "confirmed"), confirmed.text
    assert (await api.call("GET", f"/reservations/{reservation['id']}", who=customer)).json["status"] == "confirmed"
    assert len((await change(api, customer, reservation["id"], "cancel", cinema.seat_ids[1:2]))["seats"]) == 2
    assert (await api.cancel(customer, reservation["id"])).json["status"] == "cancelled"
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)


@pytest.mark.usefixtures("ids_of_before")
async def test_an_expired_hold_of_the_version_before_is_confirmed_late(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = await held(api, customer, cinema)
    await db.execute("update reservations set created_at = now() - interval '2 s', expires_at = now() - interval '1 s'")

    confirmed = await api.confirm(customer, reservation["id"])

    assert (confirmed.status, confirmed.json["late"]) == (200, True), confirmed.text


async def test_holds_of_both_versions_are_confirmed_in_one_statement(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while one version replaces the other."""
    cinema, customer = await api.cinema(), await api.sign_up()
    new = await held(api, customer, cinema, slice(2))
    monkeypatch.setattr(hold, "new_reservation_id", lambda *_: UUID(bytes=uuid_utils.uuid7().bytes))
    old = await held(api, customer, cinema, slice(2, 4))

    for reservation in (new, old):
        assert (await api.confirm(customer, reservation["id"])).status == 200
    versions = await db.fetch("select substr(id::text, 15, 1) as version, status from reservations order by id")
    assert [tuple(row) for row in versions] == [("8", "confirmed"), ("7", "confirmed")]


@pytest.mark.parametrize("status", ["held", "confirmed"])
async def test_a_reservation_that_is_exchanged_for_another_showtime_goes_on_under_its_id(
    api: Api, db: Connection, redis_url: str, status: str
) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    reservation = await held(api, customer, cinema)
    path = f"/reservations/{reservation['id']}"
    if status == "confirmed":
        assert (await api.confirm(customer, reservation["id"])).status == 200

    moved = await change(api, customer, reservation["id"], "exchange", cinema.seat_ids[5:8], showtime_id=other)

    assert (moved["id"], moved["showtime_id"]) == (reservation["id"], other)
    assert showtime_of(UUID(moved["id"])) == cinema.showtime_id
    assert (await api.call("GET", path, who=customer)).json["showtime_id"] == other
    if status == "held":
        assert (await api.extend(customer, reservation["id"])).status == 200
    assert (await api.confirm(customer, reservation["id"])).json["status"] == "confirmed"
    assert len((await change(api, customer, reservation["id"], "cancel", cinema.seat_ids[5:6]))["seats"]) == 2
    assert (await api.cancel(customer, reservation["id"])).json["status"] == "cancelled"
    assert set((await api.statuses(other)).values()) == {"available"}
    await assert_sound(db, redis_url)


async def test_an_id_of_no_reservation_is_404_whatever_it_names(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    for unknown in (new_reservation_id(cinema.showtime_id), new_reservation_id(MOST_SHOWTIME_ID), uuid4()):
        for call in (api.confirm, api.extend, api.cancel):
            assert (await call(customer, str(unknown))).status == 404


async def test_a_showtime_whose_id_has_more_than_40_bits_is_sold(api: Api, db: Connection) -> None:
    await db.execute(f"alter table showtimes alter column id restart with {MOST_SHOWTIME_ID + 1}")
    cinema, customer = await api.cinema(), await api.sign_up()
    assert cinema.showtime_id > MOST_SHOWTIME_ID

    reservation = await held(api, customer, cinema)

    assert showtime_of(UUID(reservation["id"])) is None
    assert (await api.confirm(customer, reservation["id"])).json["status"] == "confirmed"
