"""Many groups at once: every group that fits gets adjacent seats, and no other does."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from reservation.booking import best_available
from reservation.booking.best_available import MAX_LOSSES
from reservation.booking.cancel import cancel
from reservation.booking.hold import hold as hold_seats
from reservation.db.repository.reservation_rows import Reservation
from reservation.errors import SeatsUnavailable
from reservation.http.app_keys import BEST_AVAILABLE
from tests.api import Answer, Api, Cinema, Person
from tests.conftest import StartApi
from tests.races.test_booking_races import assert_sound


async def best(api: Api, who: Person, cinema: Cinema, quantity: int) -> Answer:
    """Ask for the best seats."""
    return await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", {"quantity": quantity}, who=who)


def assert_adjacent(answer: Answer, quantity: int) -> set[int]:
    """The seats of a hold, which are side by side in one row."""
    assert answer.status == 201, answer.text
    seats = answer.json["seats"]
    assert len({seat["row_label"] for seat in seats}) == 1
    numbers = sorted(seat["seat_number"] for seat in seats)
    assert numbers == list(range(numbers[0], numbers[0] + quantity))
    return {seat["seat_id"] for seat in seats}


async def sell_out(instances: Sequence[Api], cinema: Cinema, quantities: Sequence[int]) -> list[Answer]:
    """Everybody asks at once, at the instances in turn; no seat is given twice."""
    customers = [await instances[0].sign_up() for _ in range(8)]
    answers = await asyncio.gather(
        *(
            best(instances[number % len(instances)], customers[number % 8], cinema, quantity)
            for number, quantity in enumerate(quantities)
        )
    )
    given = Counter[int]()
    for answer, quantity in zip(answers, quantities, strict=True):
        if answer.status == 201:
            given.update(assert_adjacent(answer, quantity))
        else:
            assert (answer.status, answer.code, answer.json["seats"]) == (409, "seats_unavailable", [])
    assert set(given.values()) == {1}
    for instance in instances:
        statuses = await instance.statuses(cinema.showtime_id)
        assert {seat for seat, status in statuses.items() if status == "held"} == set(given)
    return answers


@pytest.mark.parametrize(("count", "quantity", "sold"), [(1, 4, 50), (2, 4, 50), (1, 2, 100), (2, 2, 100), (3, 5, 40)])
async def test_concurrent_groups_of_one_size_fill_the_room(
    start_api: StartApi,
    db: "asyncpg.Connection[asyncpg.Record]",
    redis_url: str,
    count: int,
    quantity: int,
    sold: int,
) -> None:
    instances = [await start_api() for _ in range(count)]
    cinema = await instances[0].cinema(rows=10, seats_per_row=20)

    answers = await sell_out(instances, cinema, [quantity] * 200)

    assert Counter(answer.status for answer in answers) == {201: sold, 409: 200 - sold}
    held = await db.fetch("select seat_id from reservation_seats")
    assert sorted(row["seat_id"] for row in held) == sorted(cinema.seat_ids)
    await assert_sound(db, redis_url)


async def test_a_worker_offers_each_block_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to requests of different reads, while holds of an earlier one are in progress."""
    cinema = await api.cinema(rows=10, seats_per_row=8)
    hold = hold_seats
    offered = Counter[int]()

    async def count(stores: Any, **wanted: Any) -> Reservation:
        offered.update(wanted["seat_ids"])
        return await hold(stores, **wanted)

    monkeypatch.setattr(best_available, "hold", count)
    await sell_out([api], cinema, [1, 2, 3] * 40)
    assert set(offered.values()) == {1}


@pytest.mark.parametrize("count", [1, 2])
async def test_concurrent_groups_of_all_sizes_are_refused_only_without_a_block(
    start_api: StartApi, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str, count: int
) -> None:
    """No refused request could have been given seats after the others either."""
    instances = [await start_api() for _ in range(count)]
    cinema = await instances[0].cinema(rows=7, seats_per_row=13)
    chance = random.Random(5)
    quantities = [chance.randint(1, 6) for _ in range(80)]

    answers = await sell_out(instances, cinema, quantities)

    refused = [quantity for quantity, answer in zip(quantities, answers, strict=True) if answer.status == 409]
    assert refused
    customer = await instances[0].sign_up()
    assert (await best(instances[0], customer, cinema, min(refused))).status == 409
    await assert_sound(db, redis_url)


async def test_holds_of_seats_and_of_quantities_at_once_share_no_seat(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", redis_url: str
) -> None:
    cinema = await api.cinema(rows=5, seats_per_row=12)
    customer = await api.sign_up()
    chance = random.Random(3)
    picked = [api.hold(customer, cinema.showtime_id, chance.sample(cinema.seat_ids, 2)) for _ in range(20)]
    asked = [best(api, customer, cinema, 3) for _ in range(20)]

    answers = await asyncio.gather(*(call for pair in zip(picked, asked, strict=True) for call in pair))

    given = Counter(seat["seat_id"] for answer in answers if answer.status == 201 for seat in answer.json["seats"])
    assert set(given.values()) == {1}
    for answer in answers[1::2]:
        if answer.status == 201:
            assert_adjacent(answer, 3)
    await assert_sound(db, redis_url)


async def test_a_cancelled_request_leaves_no_seat_held(api: Api) -> None:
    """Its block is offered again, whenever it is cancelled, and requests that wait for it go on."""
    cinema = await api.cinema(rows=1, seats_per_row=4)
    customer = await api.sign_up()
    available = api.client.app[BEST_AVAILABLE]

    async def hold_all() -> Reservation:
        return await available.hold(user_id=customer.id, showtime_id=cinema.showtime_id, quantity=4, seat_type=None)

    for steps in (*range(10), 15, 20, 30, 50, 80, 130, 210):
        going, other = asyncio.create_task(hold_all()), asyncio.create_task(hold_all())
        for _ in range(steps):
            await asyncio.sleep(0)
        going.cancel()
        outcomes = await asyncio.gather(going, other, return_exceptions=True)
        assert isinstance(outcomes[1], Reservation | SeatsUnavailable)
        for outcome in outcomes:
            if isinstance(outcome, Reservation):
                assert (await api.cancel(customer, str(outcome.id))).status == 200
        held = await best(api, customer, cinema, 4)
        assert_adjacent(held, 4)
        assert (await api.cancel(customer, held.json["id"])).status == 200


async def test_a_request_that_loses_its_block_chooses_again_up_to_a_limit(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session holds a seat of the chosen block first, each time."""
    cinema = await api.cinema(rows=12, seats_per_row=4)
    customer = await api.sign_up()
    hold, losses = hold_seats, 5

    async def be_late(stores: Any, **wanted: Any) -> Reservation:
        nonlocal losses
        if losses:
            losses -= 1
            await hold(stores, **wanted | {"seat_ids": wanted["seat_ids"][1:2]})
        return await hold(stores, **wanted)

    monkeypatch.setattr(best_available, "hold", be_late)
    assert_adjacent(await best(api, customer, cinema, 4), 4)
    assert losses == 0

    losses = MAX_LOSSES
    cinema = await api.cinema(rows=12, seats_per_row=4)
    refused = await best(api, customer, cinema, 4)
    assert (refused.status, refused.code, refused.json["seats"]) == (409, "seats_unavailable", [])
    assert refused.json["detail"].startswith("Others were quicker")
    assert_adjacent(await best(api, customer, cinema, 4), 4)


async def test_a_request_without_a_block_waits_for_holds_in_progress(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request is offered the whole room and loses it because of one seat; the second gets other seats."""
    cinema = await api.cinema(rows=1, seats_per_row=4)
    customer = await api.sign_up()
    hold, lost = hold_seats, False

    async def lose_first(stores: Any, **wanted: Any) -> Reservation:
        nonlocal lost
        if not lost:
            lost = True
            await hold(stores, **wanted | {"seat_ids": cinema.seat_ids[:1]})
        return await hold(stores, **wanted)

    monkeypatch.setattr(best_available, "hold", lose_first)
    available = api.client.app[BEST_AVAILABLE]
    wanted: dict[str, Any] = {"user_id": customer.id, "showtime_id": cinema.showtime_id, "seat_type": None}

    all_of_it, some = await asyncio.gather(
        available.hold(quantity=4, **wanted), available.hold(quantity=3, **wanted), return_exceptions=True
    )

    assert isinstance(all_of_it, SeatsUnavailable)
    assert isinstance(some, Reservation)
    assert [seat.seat_number for seat in some.seats] == [2, 3, 4]


async def test_a_lost_block_that_is_free_again_is_offered_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session holds them first and releases them at once; there are no other seats."""
    cinema = await api.cinema(rows=1, seats_per_row=2)
    customer = await api.sign_up()
    hold, lost = hold_seats, False

    async def lose_first(stores: Any, **wanted: Any) -> Reservation:
        nonlocal lost
        if lost:
            return await hold(stores, **wanted)
        lost = True
        other = await hold(stores, **wanted)
        try:
            return await hold(stores, **wanted)
        finally:
            await cancel(stores, user_id=customer.id, reservation_id=other.id)

    monkeypatch.setattr(best_available, "hold", lose_first)
    assert_adjacent(await best(api, customer, cinema, 2), 2)
    assert lost


async def test_a_request_that_waits_longer_than_the_limit_of_losses_is_served(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting without an offer does not count as a loss."""
    monkeypatch.setattr("reservation.booking.best_available.MAX_LOSSES", 1)
    cinema = await api.cinema(rows=1, seats_per_row=2)
    customer = await api.sign_up()
    hold, lost = hold_seats, False

    async def lose_first(stores: Any, **wanted: Any) -> Reservation:
        nonlocal lost
        if lost:
            return await hold(stores, **wanted)
        lost = True
        raise SeatsUnavailable

    monkeypatch.setattr(best_available, "hold", lose_first)
    answers = await asyncio.gather(*(best(api, customer, cinema, 2) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [201, 409]
    assert [answer.json["detail"][:19] for answer in answers if answer.status == 409] == ["Others were quicker"]
