"""`python -m benchmarks.mails`: mails a second and memory, while customers are told that a showtime changed.

A server on this machine takes the mails by SMTP and forgets them. Each customer has confirmed one seat, so that a mail
brings a ticket as PDF and a calendar file. The memory is that of `reservation work`: before the change, and at most.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from reservation.embedded import embedded_servers
from reservation.embedded.ports import free_ports

from .proc import own_cpu_s, resident_kib
from .processes import start_child, stop

LOOK_EVERY_S = 0.2
SETTLED_S = 5

PROGRAMME = """
with cinema as (
    insert into cinemas (name, address, timezone) values ('Arena', '1 Long Street', 'Europe/Berlin') returning id
),
movie as (
    insert into movies (title, description, duration_minutes) values ('A Long Night', '', 100) returning id
),
room as (
    insert into auditoriums (name, capacity, cinema_id) select 'Great hall', %(people)s, id from cinema returning id
),
show as (
    insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
    select movie.id, room.id, now() + interval '9 days', now() + interval '9 days 2 hours',
        now() + interval '9 days 2 hours', 10
    from movie cross join room
    returning id
),
seat as (
    insert into seats (auditorium_id, row_label, seat_number, seat_type, price_modifier)
    select room.id, repeat(chr(65 + n / 400 %% 26), 1 + n / 10400), n %% 400 + 1, 'regular', 1
    from room cross join generate_series(0, %(people)s - 1) as n
    returning id, row_label, seat_number
),
guest as (
    insert into users (name, guest_email, password_hash, role)
    select 'Guest ' || n, 'guest-' || n || '@example.com', '!', 'guest' from generate_series(1, %(people)s) as n
    returning id
),
sale as (
    insert into reservations (
        id, user_id, showtime_id, status, total_price, expires_at, confirmed_at, seat_ids, row_labels, seat_numbers,
        prices
    )
    select gen_random_uuid(), g.id, show.id, 'confirmed', 10, now() + interval '10 minutes', now(), array[s.id],
        array[s.row_label], array[s.seat_number], array[10.00]
    from (select id, row_number() over () as n from guest) as g
    inner join (select *, row_number() over () as n from seat) as s on g.n = s.n
    cross join show
    returning id, showtime_id, seat_ids[1] as seat_id
)
insert into booked_seats (showtime_id, seat_id, reservation_id) select showtime_id, seat_id, id from sale
"""
MOVE = """
update showtimes set starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour',
    free_at = free_at + interval '1 hour'
"""
WAITING = "select (select count(*) from outbox) + (select count(*) from deliveries where status = 'pending')"


class Mailbox:
    """Counts what it takes."""

    def __init__(self) -> None:
        self.mails = 0
        self.content_bytes = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail and forget it."""
        self.mails += 1
        self.content_bytes += len(envelope.content or b"")
        return "250 OK"


def measure(folder: Path, environment: Mapping[str, str], database_url: str, people: int) -> dict[str, object]:
    """Change the showtime beside a running `reservation work`, and wait until each customer has a mail."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=next(free_ports()))
    controller.start()
    mail = {"SMTP_URL": f"smtp://127.0.0.1:{controller.port}", "MAIL_FROM": "box@example.org"}
    command = [sys.executable, "-m", "reservation", "work"]
    work = start_child(command, log=folder / "work.log", cwd=folder, environment={**environment, **mail})
    try:
        time.sleep(SETTLED_S)
        with psycopg.connect(database_url, autocommit=True) as connection:
            before, cpu_before, started = resident_kib(work.pid), own_cpu_s(work.pid), time.perf_counter()
            connection.execute(MOVE)
            highest = before
            while mailbox.mails < people or connection.execute(WAITING).fetchone() != (0,):
                if work.poll() is not None:
                    raise SystemExit((folder / "work.log").read_text())
                highest = max(highest, resident_kib(work.pid))
                time.sleep(LOOK_EVERY_S)
            seconds, cpu_s = time.perf_counter() - started, own_cpu_s(work.pid) - cpu_before
    finally:
        stop(work)
        controller.stop()
    return {
        "customers": people,
        "mails": mailbox.mails,
        "KiB a mail": round(mailbox.content_bytes / mailbox.mails / 1024, 1),
        "seconds": round(seconds, 1),
        "mails/s": round(mailbox.mails / seconds, 1),
        "CPU ms a mail": round(cpu_s / mailbox.mails * 1000, 2),
        "memory before, MiB": round(before / 1024, 1),
        "memory at most, MiB": round(highest / 1024, 1),
    }


def main() -> None:
    """Measure on servers of its own, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    people = parser.parse_args().customers
    with tempfile.TemporaryDirectory() as folder, embedded_servers(Path(folder) / "data") as servers:
        environment = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
        environment |= {"JWT_SECRET": servers.jwt_secret, "REMINDER_HOURS": "0"}
        migrate = [sys.executable, "-m", "reservation", "migrate"]
        subprocess.run(migrate, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(PROGRAMME, {"people": people})
            connection.execute("delete from deliveries")
            connection.execute("delete from outbox")
        print(json.dumps(measure(Path(folder), environment, servers.database_url, people), indent=2))


if __name__ == "__main__":
    main()
