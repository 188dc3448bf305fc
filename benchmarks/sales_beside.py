"""Sales by SQL beside a migration: what a customer's requests read and write, and how long each statement took."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from .first_release import PER_SHOWTIME, SEATS, SHOWTIMES_PER_ROOM, Filled

ACCOUNT = """
select u.id, count(s.id) from users as u left join login_sessions as s on s.user_id = u.id and s.expires_at > now()
where u.id = %s group by u.id
"""
LISTED = """
select st.id, m.title, a.name, st.starts_at from showtimes as st
inner join movies as m on st.movie_id = m.id inner join auditoriums as a on st.auditorium_id = a.id where st.id = %s
"""
MAP = """
select s.id, b.reservation_id from showtimes as st inner join seats as s on s.auditorium_id = st.auditorium_id
left join booked_seats as b on b.showtime_id = st.id and b.seat_id = s.id where st.id = %s
"""
# As services before 0014 write a hold, and as those from it on do.
HOLD_ROWS = """
insert into reservations (id, user_id, showtime_id, total_price, expires_at)
values (%(id)s, %(user)s, %(showtime)s, 20, now() + interval '10 minutes')
"""
SEAT_ROWS = (
    "insert into reservation_seats (reservation_id, seat_id, price_at_booking) select %(id)s, unnest(%(seats)s), 10"
)
HOLD_ARRAYS = """
insert into reservations (
    id, user_id, showtime_id, total_price, expires_at, seat_ids, row_labels, seat_numbers, prices
)
select
    %(id)s, %(user)s, %(showtime)s, 20, now() + interval '10 minutes', array_agg(s.id order by s.id),
    array_agg(s.row_label order by s.id), array_agg(s.seat_number order by s.id), array_fill(10.00, array[2])
from seats as s where s.id = any(%(seats)s)
"""
CONFIRM = """
with confirmed as (
    update reservations set status = 'confirmed', confirmed_at = now()
    where id = %(id)s and status = 'held' and expires_at > now() returning id, showtime_id
)

insert into booked_seats (showtime_id, seat_id, reservation_id)
select c.showtime_id, seat.id, c.id from confirmed as c cross join unnest(%(seats)s) as seat (id)
"""
CANCEL = """
with cancelled as (
    update reservations set status = 'cancelled', cancelled_at = now()
    where id = %(id)s and status = 'confirmed' returning id
)

delete from booked_seats as b using cancelled as c where b.showtime_id = %(showtime)s and b.reservation_id = c.id
"""
CANCELLED_BY = CANCEL.replace("cancelled_at = now()", "cancelled_at = now(), cancelled_by = 'customer'")
CANCELLED_SHARE = 0.25
APPLICATION = "sales"


@dataclass(slots=True)
class Seen:
    """What the sales have seen since the last look: statements, the longest in milliseconds, and errors."""

    statements: int = 0
    longest_ms: float = 0.0
    longest: str = ""
    failed: int = 0


class Sales:
    """Customers who book coming showtimes, a few bookings a second in all, each on a connection of its own."""

    def __init__(self, database_url: str, filled: Filled, *, per_second: float, customers: int, sold: int) -> None:
        self.arrays = False  # whether the running version writes seats as arrays
        self.says_who_cancels = False
        self.pids: set[int] = set()
        self.errors: list[str] = []
        self._url, self._filled = database_url, filled
        self._pause_s = customers / per_second
        self._customers = customers
        self._seen, self._lock, self._stop = Seen(), threading.Lock(), threading.Event()
        self._next = islice(self._free_seats(), sold, None)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sell for the duration of the block."""
        threads = [threading.Thread(target=self._sell, args=(number,)) for number in range(self._customers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def take(self) -> Seen:
        """What was seen since the last call."""
        with self._lock:
            seen, self._seen = self._seen, Seen()
        return seen

    def _free_seats(self) -> Iterator[tuple[int, list[int]]]:
        """Pairs of free seats of showtimes that lie ahead, each once; half of each room's seats were never reserved."""
        for first in range(2 * PER_SHOWTIME, SEATS, 2):
            for showtime in range(self._filled.showtimes):
                if showtime % SHOWTIMES_PER_ROOM >= SHOWTIMES_PER_ROOM * 2 // 3:
                    seat = showtime // SHOWTIMES_PER_ROOM * SEATS + first + 1
                    yield showtime + 1, [seat, seat + 1]

    def _sell(self, number: int) -> None:
        connection: psycopg.Connection[Any] | None = None
        due = time.monotonic() + number * self._pause_s / self._customers
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._pause_s, time.monotonic())
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(self._url, autocommit=True, application_name=APPLICATION)
                    self.pids.add(connection.info.backend_pid)
                self._book(connection)
            except psycopg.Error as error:
                with self._lock:
                    self._seen.failed += 1
                    self.errors.append(" ".join(str(error).split()))
        if connection is not None:
            connection.close()

    def _book(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            showtime, seats = next(self._next)
        sale = {
            "id": UUID(int=uuid7().int),
            "user": random.randint(1, self._filled.users),
            "showtime": showtime,
            "seats": seats,
        }
        self._timed(connection, "account", ACCOUNT, [sale["user"]])
        self._timed(connection, "showtime", LISTED, [showtime])
        self._timed(connection, "map", MAP, [showtime])
        if self.arrays:
            self._timed(connection, "hold", HOLD_ARRAYS, sale)
        else:
            with connection.transaction():
                self._timed(connection, "hold", HOLD_ROWS, sale)
                self._timed(connection, "seats of a hold", SEAT_ROWS, sale)
        self._timed(connection, "confirm", CONFIRM, sale)
        if random.random() < CANCELLED_SHARE:
            self._timed(connection, "cancel", CANCELLED_BY if self.says_who_cancels else CANCEL, sale)

    def _timed(self, connection: psycopg.Connection[Any], name: str, statement: str, arguments: Any) -> None:
        start = time.perf_counter()
        connection.execute(statement, arguments)
        took_ms = (time.perf_counter() - start) * 1000
        with self._lock:
            self._seen.statements += 1
            if took_ms > self._seen.longest_ms:
                self._seen.longest_ms, self._seen.longest = took_ms, name
