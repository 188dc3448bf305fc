"""Another session locks a showtime, or the whole table: its own bookings answer row_locked, all others go on."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from reservation.booking.batch_outcomes import Outcome
from reservation.booking.batches import BookingBatches
from reservation.db.repository.confirm_outcomes import ConfirmRequest
from reservation.db.repository.reservation_rows import Reservation
from reservation.errors import RowLocked
from tests.api import Answer, Api, Connection
from tests.conftest import StartApi
from tests.faults.test_outages import held
from tests.races.test_batches import confirm_together, held as granted, stores_of

STUCK = 30  # three times as many as the pool has connections
BELOW_THE_STATEMENT_TIMEOUT_S = 4


def outcomes(answers: list[Answer]) -> set[tuple[int, str | None]]:
    return {(answer.status, answer.code) for answer in answers}


async def test_confirms_of_other_showtimes_succeed_while_one_is_locked(api: Api, db: Connection) -> None:
    locked, other = await api.cinema(), await api.cinema()
    customer = await api.sign_up()
    stuck = [await held(api, customer, locked, [seat]) for seat in locked.seat_ids[:STUCK]]
    free = [await held(api, customer, other, [seat]) for seat in other.seat_ids[:10]]
    async with db.transaction():
        await db.execute("select from showtimes where id = $1 for update", locked.showtime_id)
        waiting = [asyncio.create_task(api.confirm(customer, each)) for each in stuck]

        async with asyncio.timeout(BELOW_THE_STATEMENT_TIMEOUT_S):
            confirmed = await asyncio.gather(*(api.confirm(customer, each) for each in free))
            listed = await api.call("GET", "/reservations", who=customer)
            refused = await asyncio.gather(*waiting)

        assert outcomes(confirmed) == {(200, None)}
        assert listed.status == 200  # the locked ones have not taken all connections
        assert outcomes(refused) == {(503, "row_locked")}
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}

    assert outcomes(await asyncio.gather(*(api.confirm(customer, each) for each in stuck))) == {(200, None)}


async def test_a_repeated_confirm_succeeds_while_its_showtime_is_locked(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = await held(api, customer, cinema, cinema.seat_ids[:1])
    assert (await api.confirm(customer, reservation)).status == 200
    async with db.transaction():
        await db.execute("select from showtimes where id = $1 for update", cinema.showtime_id)

        assert (await api.confirm(customer, reservation)).status == 200


async def test_holds_of_other_showtimes_succeed_while_one_is_locked(api: Api, db: Connection) -> None:
    locked, other = await api.cinema(), await api.cinema()
    customer = await api.sign_up()
    async with db.transaction():
        await db.execute("select from showtimes where id = $1 for update", locked.showtime_id)

        async with asyncio.timeout(BELOW_THE_STATEMENT_TIMEOUT_S):
            refused, made = await asyncio.gather(
                asyncio.gather(*(api.hold(customer, locked.showtime_id, [seat]) for seat in locked.seat_ids[:STUCK])),
                asyncio.gather(*(api.hold(customer, other.showtime_id, [seat]) for seat in other.seat_ids[:10])),
            )

        assert outcomes(refused) == {(503, "row_locked")}
        assert outcomes(made) == {(201, None)}

    assert (await api.hold(customer, locked.showtime_id, locked.seat_ids[:STUCK][:10])).status == 201


async def test_a_locked_table_of_showtimes_leaves_connections_for_others(start_api: StartApi, db: Connection) -> None:
    """As by `alter table showtimes` in a transaction that stays open."""
    api = await start_api(STATEMENT_TIMEOUT_SECONDS="2")
    cinema, customer = await api.cinema(), await api.sign_up()
    stuck = [await held(api, customer, cinema, [seat]) for seat in cinema.seat_ids[:STUCK]]
    async with db.transaction():
        await db.execute("lock table showtimes in access exclusive mode")
        waiting = [asyncio.create_task(api.confirm(customer, each)) for each in stuck]

        async with asyncio.timeout(BELOW_THE_STATEMENT_TIMEOUT_S * 5):
            while not all(each.done() for each in waiting):
                assert (await api.call("GET", "/cinemas", who=customer)).status == 200

        assert outcomes([each.result() for each in waiting]) == {(503, "row_locked")}

    assert outcomes(await asyncio.gather(*(api.confirm(customer, each) for each in stuck))) == {(200, None)}


async def test_confirms_of_others_succeed_while_a_reservation_is_locked(api: Api, db: Connection) -> None:
    """Also those that run alone, after the batch: a repeated key, and a reservation that does not exist."""
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    locked = await held(api, customer, cinema, cinema.seat_ids[:1])
    free = await held(api, other, cinema, cinema.seat_ids[1:2])
    with_key = {"Idempotency-Key": "a"}
    async with db.transaction():
        await db.execute("select from reservations where id = $1 for update", locked)
        stuck = [asyncio.create_task(api.confirm(customer, locked)) for _ in range(2)]

        answers = await asyncio.gather(
            *(api.call("POST", f"/reservations/{free}/confirm", who=other, headers=with_key) for _ in range(2)),
            api.confirm(other, str(uuid4())),
        )

        assert [answer.status for answer in answers] == [200, 200, 404]
        assert outcomes(await asyncio.gather(*stuck)) == {(503, "row_locked")}


@pytest.mark.parametrize("table", ["reservations", "showtimes"])
async def test_of_a_batch_of_confirms_only_the_locked_one_runs_alone(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """A batch that waited for the lock would fail after 300 ms, and each of its confirms would run alone."""
    locked, other, customer = await api.cinema(), await api.cinema(), await api.sign_up()
    free = [await granted(api, customer, other.showtime_id, [seat_id]) for seat_id in other.seat_ids[:10]]
    stuck = await granted(api, customer, locked.showtime_id, locked.seat_ids[:1])
    row_id = {"reservations": stuck.reservation_id, "showtimes": stuck.showtime_id}[table]
    alone = list[UUID]()
    confirm_alone: Callable[[BookingBatches, ConfirmRequest], Awaitable[Outcome]] = BookingBatches._lock_and_confirm

    async def noted(batches: BookingBatches, request: ConfirmRequest) -> Outcome:
        alone.append(request.reservation_id)
        return await confirm_alone(batches, request)

    monkeypatch.setattr(BookingBatches, "_lock_and_confirm", noted)
    async with db.transaction():
        await db.execute(f"select from {table} where id = $1 for update", row_id)

        *confirmed, refused, last = await confirm_together(stores_of(api), [*free[:9], stuck, free[9]])

    assert isinstance(refused, RowLocked)
    assert all(isinstance(each, Reservation) for each in (*confirmed, last))
    assert alone == [stuck.reservation_id]


async def test_cancels_of_a_locked_reservation_leave_connections_for_others(api: Api, db: Connection) -> None:
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    locked = await held(api, customer, cinema, cinema.seat_ids[:1])
    free = await held(api, other, cinema, cinema.seat_ids[1:2])
    async with db.transaction():
        await db.execute("select from reservations where id = $1 for update", locked)
        stuck = [asyncio.create_task(api.cancel(customer, locked)) for _ in range(STUCK)]

        async with asyncio.timeout(BELOW_THE_STATEMENT_TIMEOUT_S):
            assert (await api.confirm(other, free)).status == 200
        assert outcomes(await asyncio.gather(*stuck)) == {(503, "row_locked")}
