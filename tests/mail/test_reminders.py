"""Reminders: once for each showtime, whoever runs the job."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from reservation.http.app_keys import DATABASE
from reservation.mail.reminders import SHOWTIMES_AT_ONCE, add_reminders
from tests.api import Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.mail.test_reservation_mails import sold
from tests.mailbox import mails_to

DAY_S = 86_400
REMINDED = "select user_id from deliveries where kind = 'reminder' order by id"


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """The service with reminders a day before."""
    return await start_api(REMINDER_HOURS="24")


def reminders_to(tmp_path: Path, who: Person) -> int:
    return len([mail for mail in mails_to(tmp_path / "mail", who.email) if mail["Subject"].startswith("Soon: A Film")])


async def soon(api: Api, hours: float = 20) -> Cinema:
    return await api.cinema(**slot(hours))


async def test_customers_are_reminded_once_and_nobody_else_is(api: Api, tmp_path: Path) -> None:
    cinema, later = await soon(api), await soon(api, 30)
    buyer, holder, gone, early, late = [await api.sign_up() for _ in range(5)]
    seats = cinema.seat_ids
    await sold(api, buyer, cinema, seats[:2])
    await api.hold(holder, cinema.showtime_id, seats[2:3])
    assert (await api.cancel(gone, await sold(api, gone, cinema, seats[3:4]))).status == 200
    await sold(api, early, later, later.seat_ids[:1])
    for _ in range(2):
        await api.work()
    await sold(api, late, cinema, seats[4:5])  # who is told of the date just now
    await api.work()
    assert [reminders_to(tmp_path, who) for who in (buyer, holder, gone, early, late)] == [1, 0, 0, 0, 0]


async def test_each_is_reminded_once_though_processes_look_at_once(
    start_api: StartApi, db: Connection, api: Api
) -> None:
    databases = [each.client.app[DATABASE] for each in (api, await start_api())]
    cinemas, people = [await soon(api) for _ in range(3)], [await api.sign_up() for _ in range(3)]
    for cinema in cinemas:
        for who, seat_id in zip(people, cinema.seat_ids, strict=False):
            await sold(api, who, cinema, [seat_id])
    await asyncio.gather(*[add_reminders(each, reminder_s=DAY_S) for each in databases * 4])
    assert sorted(row[0] for row in await db.fetch(REMINDED)) == sorted(3 * [who.id for who in people])


async def test_more_showtimes_than_a_statement_takes_are_all_reminded(api: Api, db: Connection) -> None:
    cinema, who = await soon(api), await api.sign_up()
    count = 2 * SHOWTIMES_AT_ONCE + 1
    await db.execute(
        "insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)"
        " select $1, $2, now() + n * interval '1 minute', now() + (n + 1) * interval '1 minute',"
        " now() + (n + 1) * interval '1 minute', 10 from generate_series(1, $3::integer) as n",
        cinema.movie_id,
        cinema.auditorium_id,
        count,
    )
    await db.execute(
        "insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, confirmed_at)"
        " select gen_random_uuid(), $1, id, 'confirmed', 0, now() + interval '1 hour', now() from showtimes",
        who.id,
    )
    await add_reminders(api.client.app[DATABASE], reminder_s=DAY_S)
    assert len(await db.fetch(REMINDED)) == count + 1


async def test_a_showtime_that_is_moved_to_another_day_is_reminded_again(
    api: Api, db: Connection, tmp_path: Path
) -> None:
    cinema, who = await soon(api, 1), await api.sign_up()
    await sold(api, who, cinema, cinema.seat_ids[:1])
    await api.work()
    assert reminders_to(tmp_path, who) == 1
    move = "update showtimes set starts_at = starts_at + $1, ends_at = ends_at + $1, free_at = free_at + $1"
    await db.execute(move, timedelta(hours=2))
    await api.work()
    assert reminders_to(tmp_path, who) == 1  # the customers are told of the change
    await db.execute(move, timedelta(hours=72))
    await api.work()
    assert reminders_to(tmp_path, who) == 1
    await db.execute(move, timedelta(hours=-60))  # as if time had passed
    await db.execute("update reminded_showtimes set starts_at = starts_at - interval '60 hours'")
    await api.work()
    assert reminders_to(tmp_path, who) == 2


async def test_a_cancelled_showtime_is_not_reminded_nor_one_that_is_cancelled_before_the_mail_is_sent(
    api: Api, db: Connection, tmp_path: Path
) -> None:
    cinema, who = await soon(api), await api.sign_up()
    await sold(api, who, cinema, cinema.seat_ids[:1])
    await add_reminders(api.client.app[DATABASE], reminder_s=DAY_S)
    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    assert (await api.call("POST", path, {"reason": "R"}, who=await api.admin())).status == 200
    await api.work()
    assert len(await db.fetch(REMINDED)) == 1
    assert reminders_to(tmp_path, who) == 0


async def test_without_reminder_hours_nobody_is_reminded(start_api: StartApi, db: Connection) -> None:
    api = await start_api(REMINDER_HOURS="0")
    cinema, who = await soon(api), await api.sign_up()
    await sold(api, who, cinema, cinema.seat_ids[:1])
    await api.work()
    assert await db.fetch(REMINDED) == []
