"""Thousands of mails at once, and a process that is killed while it sends."""

import asyncio
import email
import os
import sys
from email import policy
from pathlib import Path

from reservation.db.repository import mails
from reservation.http.app_keys import DATABASE
from reservation.outbox.relay import Relay
from tests.api import Api, Connection
from tests.conftest import SECRET, StartApi
from tests.mail.conftest import SmtpServer, StartSmtp

PEOPLE = 10_000
SELL = """
    with guests as (
        insert into users (name, guest_email, password_hash, role)
        select 'Guest ' || n, 'guest' || n || '@example.com', '!', 'guest' from generate_series(1, $2::integer) as n
        returning id
    )
    insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, confirmed_at)
    select gen_random_uuid(), id, $1, $3, 10, now() + interval '1 hour', case when $3 = 'confirmed' then now() end
    from guests
"""
MOVE = """
    update showtimes
    set starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour',
        free_at = free_at + interval '1 hour'
    where id = $1
"""
# So long a claim lasts; meanwhile no other process takes the mails of one that was killed.
CLAIMS_ENDED = "update deliveries set next_attempt_at = now() where status = 'pending'"


async def told(server: SmtpServer) -> list[tuple[str, str]]:
    """Recipient and Message-ID of each mail that a server has taken."""
    taken = [(each.rcpt_tos[0], each.original_content or b"") for each in server.taken]
    return [(to, email.message_from_bytes(content, policy=policy.SMTP)["Message-ID"]) for to, content in taken]


async def test_ten_thousand_customers_of_a_changed_showtime_are_rows_of_one_statement(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    await db.execute(SELL, cinema.showtime_id, PEOPLE, "confirmed")
    await db.execute(MOVE, cinema.showtime_id)
    moved = await Relay(api.client.app[DATABASE], (mails.add_deliveries,)).move()
    assert moved == 1
    [row] = await db.fetch(
        "select count(*) as mails, count(distinct user_id) as people, count(distinct xmin::text) as transactions"
        " from deliveries where kind = 'showtime_changed'"
    )
    assert tuple(row) == (PEOPLE, PEOPLE, 1)


async def test_each_customer_is_told_though_the_process_is_killed_in_the_middle(
    start_api: StartApi, start_smtp: StartSmtp, db: Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    server, people = start_smtp(), 60
    mail = {"SMTP_URL": f"smtp://127.0.0.1:{server.port}", "MAIL_FROM": "box@example.org"}
    api = await start_api(**mail)
    cinema = await api.cinema()
    await db.execute("delete from deliveries")  # of the administrator, who has signed up
    await db.execute(SELL, cinema.showtime_id, people, "held")  # no tickets, which would take longer
    await db.execute(MOVE, cinema.showtime_id)

    server.silent_after = people // 2
    stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET, "DATA_DIR": str(tmp_path)}
    work = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "reservation", "work"),
        env={**os.environ, **stores, **mail, "REMINDER_HOURS": "0"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.to_thread(server.is_silent.wait, 120)
    work.kill()
    await work.wait()

    server.silent_after = None
    counted = "select count(*) from deliveries where status = 'delivered'"
    assert 0 < await db.fetchval(counted) < people
    await db.execute(CLAIMS_ENDED)
    await api.work()
    assert await db.fetchval(counted) == people
    mailed = await told(server)
    assert len({to for to, _ in mailed}) == people
    # The mail that the server had taken without an answer is there twice, and known by its Message-ID.
    assert len(mailed) > people
    assert len({*mailed}) == people
