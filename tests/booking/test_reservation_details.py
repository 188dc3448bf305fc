"""What a reservation answers with besides its seats: code, showtime, currency, reference, metadata, ticket types."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from reservation.booking.archive import archive
from reservation.db.repository import reservations
from reservation.db.repository.reservation_codes import PERIOD_S, new_codes, random_codes, start_of_codes
from reservation.dba.audit import audit
from reservation.http.app_keys import BOOKING_CONTEXT, DATABASE
from tests.api import Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}")
DETAILS: dict[str, Any] = {"reference": "order 4711", "metadata": {"till": 3, "tags": ["a", None, 1.5], "name": "Æ"}}


async def hold(api: Api, who: Person, cinema: Cinema, count: int = 2, **more: Any) -> Any:
    body = {"seat_ids": cinema.seat_ids[:count], **more}
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=who)
    assert held.status == 201, held.text
    return held.json


async def read(api: Api, who: Person, reservation_id: str) -> Any:
    found = await api.call("GET", f"/reservations/{reservation_id}", who=who)
    assert found.status == 200, found.text
    return found.json


async def listed(api: Api, who: Person) -> Any:
    return (await api.call("GET", "/reservations", who=who)).json["items"]


async def showtime_of(api: Api, cinema: Cinema) -> dict[str, Any]:
    """The showtime as a reservation shows it, from the catalogue."""
    found = (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json
    shown = (await api.call("GET", f"/cinemas/{found['cinema_id']}")).json
    return {
        "id": cinema.showtime_id,
        "starts_at": found["starts_at"],
        "ends_at": found["ends_at"],
        "status": found["status"],
        "movie": {"id": found["movie_id"], "title": found["movie_title"]},
        "auditorium": {"id": found["auditorium_id"], "name": found["auditorium_name"]},
        "cinema": {name: shown[name] for name in ("id", "name", "timezone")},
    }


async def test_every_answer_has_the_details_of_the_reservation(start_api: StartApi) -> None:
    """Hold, confirm, extend, cancel, get and list; each is read from another place."""
    api = await start_api(CURRENCY="CHF", HOLD_TTL_SECONDS="60")
    cinema, customer = await api.cinema(), await api.sign_up()

    held = await hold(api, customer, cinema, **DETAILS)

    assert CODE.fullmatch(held["code"])
    assert held["showtime"] == await showtime_of(api, cinema)
    assert held["currency"] == "CHF"
    assert [held[each] for each in ("confirmed_at", "cancelled_at", "cancelled_by", "late")] == [
        None,
        None,
        None,
        False,
    ]
    assert {name: held[name] for name in DETAILS} == DETAILS
    assert [seat["ticket_type"] for seat in held["seats"]] == [{"id": 1, "name": "standard"}] * 2
    assert await read(api, customer, held["id"]) == held
    assert await listed(api, customer) == [held]
    extended = (await api.extend(customer, held["id"])).json
    assert extended == held | {"expires_at": extended["expires_at"]}

    confirmed = (await api.confirm(customer, held["id"])).json
    assert confirmed == extended | {"status": "confirmed", "confirmed_at": confirmed["confirmed_at"]}
    assert held["created_at"] < confirmed["confirmed_at"]
    assert (await api.confirm(customer, held["id"])).json == confirmed
    assert await read(api, customer, held["id"]) == confirmed

    cancelled = (await api.cancel(customer, held["id"])).json
    changed = {"status": "cancelled", "cancelled_at": cancelled["cancelled_at"], "cancelled_by": "customer"}
    assert cancelled == confirmed | changed
    assert await listed(api, customer) == [cancelled]


async def test_a_repeated_request_gets_the_details_of_the_first_answer(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    path, body = f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[:2], **DETAILS}

    async def send(path: str, key: str, body: Any = None) -> Answer:
        return await api.call("POST", path, body, who=customer, headers={"Idempotency-Key": key})

    held = await send(path, "hold", body)
    confirmed = await send(f"/reservations/{held.json['id']}/confirm", "confirm")
    cancelled = await send(f"/reservations/{held.json['id']}/cancel", "cancel")
    assert [answer.status for answer in (held, confirmed, cancelled)] == [201, 200, 200]

    assert (await send(path, "hold", body)).json == held.json
    assert (await send(f"/reservations/{held.json['id']}/confirm", "confirm")).json == confirmed.json
    assert (await send(f"/reservations/{held.json['id']}/cancel", "cancel")).json == cancelled.json
    other = await send(path, "hold", body | {"reference": "order 4712"})
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_the_best_available_seats_take_reference_and_metadata(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    body = {"quantity": 2, **DETAILS}
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=customer)
    assert held.status == 201, held.text
    assert {name: held.json[name] for name in DETAILS} == DETAILS
    assert await read(api, customer, held.json["id"]) == held.json


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"reference": ""}, "/reference"),
        ({"reference": "x" * 101}, "/reference"),
        ({"reference": None}, "/reference"),
        ({"reference": 7}, "/reference"),
        ({"metadata": []}, "/metadata"),
        ({"metadata": None}, "/metadata"),
        ({"metadata": {"a": "x" * 1017}}, "/metadata"),
        ({"metadata": {"a": "ä" * 509}}, "/metadata"),
    ],
)
async def test_a_reference_or_metadata_beyond_its_limit_is_422(
    shared_api: Api, more: dict[str, Any], pointer: str
) -> None:
    cinema, customer = await shared_api.cinema(), await shared_api.sign_up()
    body = {"seat_ids": cinema.seat_ids[:2], **more}
    refused = await shared_api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=customer)
    assert (refused.status, refused.code) == (422, "validation_error")
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
    assert await listed(shared_api, customer) == []


async def test_a_reference_and_metadata_at_their_limits_are_kept(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    most: dict[str, Any] = {"reference": "ä" * 100, "metadata": {"a": "x" * 1016}}
    held = await hold(api, customer, cinema, **most)
    assert await read(api, customer, held["id"]) == held
    assert {name: held[name] for name in most} == most


async def test_an_archived_reservation_keeps_its_details(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await hold(api, customer, cinema, **DETAILS)
    cancelled = (await api.cancel(customer, held["id"])).json
    for table, times in (
        ("reservations", ("created_at", "expires_at", "cancelled_at")),
        ("showtimes", ("starts_at", "ends_at", "free_at")),
    ):
        earlier = ", ".join(f"{each} = {each} - interval '30 days'" for each in times)
        await db.execute(f"update {table} set {earlier}")
    before = await read(api, customer, held["id"])
    assert before["code"] == cancelled["code"]

    before_then = datetime.now(UTC) - timedelta(days=7)
    moved = await archive(api.client.app[DATABASE], before=before_then, advance=lambda _: None)

    assert moved.reservations == 1
    assert await read(api, customer, held["id"]) == before
    assert await listed(api, customer) == [before]
    assert (await api.cancel(customer, held["id"])).json == before


async def test_a_changed_showtime_shows_in_the_next_answers(api: Api) -> None:
    """Also its film's title and its room's name; the worker has the old ones in its cache."""
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await hold(api, customer, cinema, 1)
    admin = await api.admin()
    for path, changes in (
        (f"/admin/movies/{cinema.movie_id}", {"title": "Another Film", "duration_minutes": 90}),
        (f"/admin/auditoriums/{cinema.auditorium_id}", {"name": "Another Room", "capacity": 50}),
        ("/admin/cinemas/1", {"name": "Another Cinema", "timezone": "Europe/Berlin"}),
        (
            f"/admin/showtimes/{cinema.showtime_id}?force=true",
            {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "10.00"} | slot(25),
        ),
    ):
        changed = await api.call("PUT", path, changes, who=admin)
        assert changed.status == 200, changed.text
        body = {"seat_ids": [cinema.seat_ids[len(await listed(api, customer))]]}
        later = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=customer)
        assert later.json["showtime"] == await showtime_of(api, cinema)
    assert later.json["showtime"]["movie"]["title"] == "Another Film"
    assert later.json["showtime"]["auditorium"]["name"] == "Another Room"
    confirmed = await api.confirm(customer, held["id"])
    assert confirmed.json["showtime"] == await showtime_of(api, cinema)


async def test_a_confirm_in_another_worker_shows_what_that_worker_has_not_read_yet(start_api: StartApi) -> None:
    one, other = await start_api(), await start_api()
    cinema, customer = await one.cinema(), await one.sign_up()
    held = await hold(one, customer, cinema)
    confirmed = await other.confirm(customer, held["id"])
    assert confirmed.json["showtime"] == held["showtime"]


def test_codes_of_one_time_differ_and_begin_alike() -> None:
    codes = new_codes(64)
    assert len(set(codes)) == len(codes)
    assert all(map(CODE.fullmatch, codes))
    assert len({code[:2] for code in codes}) == 1


def test_beginnings_of_codes_rise_and_come_again_after_68_minutes() -> None:
    beginnings = [start_of_codes(period * PERIOD_S) for period in range(1024)]
    assert sorted(set(beginnings)) == beginnings
    assert start_of_codes(1024 * PERIOD_S - 1) == "ZZ"
    assert start_of_codes(1024 * PERIOD_S) == "00"


def test_random_codes_differ_and_have_all_characters() -> None:
    codes = random_codes(5_000)
    assert len(set(codes)) == len(codes)
    assert all(map(CODE.fullmatch, codes))
    assert len(set("".join(codes))) == 32


async def test_codes_of_the_column_default_have_all_characters(db: Connection) -> None:
    codes = [row[0] for row in await db.fetch("select new_reservation_code() from generate_series(1, 5000)")]
    assert len(set(codes)) == len(codes)
    assert all(map(CODE.fullmatch, codes))
    assert all(len({code[place] for code in codes}) == 32 for place in range(8))


@pytest.mark.parametrize("taken_tries", [1, 3, 4])
async def test_a_hold_whose_code_is_taken_gets_another_one(
    api: Api, db: Connection, redis_url: str, monkeypatch: pytest.MonkeyPatch, taken_tries: int
) -> None:
    """In the batch, and alone after the batch has failed three times."""
    cinema, customer = await api.cinema(), await api.sign_up()
    taken = (await hold(api, customer, cinema, 1))["code"]
    tries: list[int] = []

    def some_taken(count: int) -> Sequence[str]:
        tries.append(count)
        return [taken, *new_codes(count)[1:]] if len(tries) <= taken_tries else new_codes(count)

    monkeypatch.setattr(reservations, "new_codes", some_taken)
    held = await hold_seat(api, customer, cinema, 5)

    assert held.status == 201, held.text
    assert len(tries) == taken_tries + 1
    assert await db.fetchval("select count(distinct code) from reservations") == 2
    async with Redis.from_url(redis_url) as redis:
        assert await audit(db, redis) == []


async def test_holds_of_a_batch_in_which_a_code_is_taken_are_made_by_the_next_statement(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them alone: the batch runs again. The first statement waits until the others form a batch."""
    cinema, customer = await api.cinema(), await api.sign_up()
    taken = (await hold(api, customer, cinema, 1))["code"]
    sizes: list[int] = []

    def some_taken(count: int) -> Sequence[str]:
        sizes.append(count)
        return [*new_codes(count)[1:], taken] if len(sizes) == 2 else new_codes(count)

    inserts = api.client.app[BOOKING_CONTEXT].batches._inserts
    insert_held = reservations.insert_held

    began = asyncio.Event()

    async def insert_when_others_wait(conn: Any, *, holds: Any) -> list[Any]:
        began.set()
        while not sizes and len(inserts._waiting) < 9:
            await asyncio.sleep(0.005)
        return await insert_held(conn, holds=holds)

    monkeypatch.setattr(reservations, "new_codes", some_taken)
    monkeypatch.setattr(reservations, "insert_held", insert_when_others_wait)
    first = asyncio.create_task(hold_seat(api, customer, cinema, 3))
    await began.wait()
    answers = await asyncio.gather(first, *(hold_seat(api, customer, cinema, place) for place in range(4, 13)))

    assert {answer.status for answer in answers} == {201}
    assert sizes == [1, 9, 9]


async def hold_seat(api: Api, who: Person, cinema: Cinema, place: int) -> Answer:
    return await api.hold(who, cinema.showtime_id, cinema.seat_ids[place : place + 1])
