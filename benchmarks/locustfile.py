"""Load on the service with Locust: customers who browse, and customers who buy.

    reservation load tokens --users 200 --file tokens.txt
    locust -f benchmarks/locustfile.py --headless --host http://127.0.0.1:8000 \
        --users 50 --spawn-rate 10 --run-time 60s --tokens tokens.txt

Without --tokens everybody logs in first, with --email and --password, which costs the service a password hash each.
Locust is a closed model: a user waits for an answer before the next request, so a slow service is asked less. For
latencies of customers who do not wait for each other use `reservation load`; docs/load-tester/load-kit.md compares
the two.
"""

import itertools
import random
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from locust import FastHttpUser, between, events, task
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser

SEAT_MAP = "/showtimes/[id]/seats"
MAX_SEATS = 4


@events.init_command_line_parser.add_listener
def options(parser: ArgumentParser) -> None:
    """Add the options for tokens."""
    parser.add_argument("--tokens", default="", env_var="LOAD_TOKENS", help="File of access tokens, one a line")
    parser.add_argument("--email", default="customer@example.com", help="Without --tokens: the account of all users")
    parser.add_argument("--password", default="demo-customer-password", is_secret=True, help="Likewise")


class Customer(FastHttpUser):
    """A customer with a page open: knows the showtimes, and reads seat maps."""

    abstract = True
    tokens: ClassVar[Iterator[str] | None] = None  # of all users; None: each logs in
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Log in and read the showtimes."""
        self.token = next(self.tokens) if self.tokens is not None else self.log_in()
        with self.client.get("/showtimes?limit=100", name="/showtimes") as response:
            items = response.json()["items"] if response.status_code == 200 else []
        if not items:
            raise StopUser("there are no showtimes: `reservation seed demo` makes some")
        self.showtimes = [show["id"] for show in items]
        self.etags: dict[int, str] = {}

    def log_in(self) -> str:
        """An access token of this user."""
        wanted = self.environment.parsed_options
        with self.client.post("/auth/login", json={"email": wanted.email, "password": wanted.password}) as response:
            if response.status_code != 200:
                raise StopUser(f"nobody can log in as {wanted.email}: give --tokens")
            return str(response.json()["access_token"])

    @property
    def signed_in(self) -> dict[str, str]:
        """The headers of each request."""
        return {"Authorization": f"Bearer {self.token}"}


class Browser(Customer):
    """Browses, and polls the same maps as a page does."""

    weight = 3

    @task(4)
    def look_at_a_map(self) -> None:
        """The seat map, unless it has not changed."""
        showtime = random.choice(self.showtimes)
        headers = {"If-None-Match": self.etags[showtime]} if showtime in self.etags else {}
        with self.client.get(f"/showtimes/{showtime}/seats", headers=headers, name=SEAT_MAP) as response:
            if response.status_code == 200:
                self.etags[showtime] = response.headers["ETag"]

    @task
    def look_at_the_films(self) -> None:
        """The films."""
        self.client.get("/movies")


class Buyer(Customer):
    """Holds seats and confirms them; sometimes cancels."""

    weight = 1

    @task
    def buy(self) -> None:
        """Map, hold, confirm; one in four cancels afterwards, so that seats do not run out at once."""
        showtime = random.choice(self.showtimes)
        with self.client.get(f"/showtimes/{showtime}/seats", name=SEAT_MAP) as response:
            seats = response.json()["seats"] if response.status_code == 200 else []
        free = [seat["id"] for seat in seats if seat["status"] == "available"]
        if not free:
            raise RescheduleTask
        start = random.randrange(len(free))
        wanted = {"seat_ids": free[start : start + random.randint(1, MAX_SEATS)]}
        reservation = self.hold(showtime, wanted)
        self.step(reservation, "confirm")
        if random.random() < 0.25:
            self.step(reservation, "cancel")

    def hold(self, showtime: int, wanted: dict[str, list[int]]) -> str:
        """A hold; a 409 because another customer was faster is no failure."""
        path = f"/showtimes/{showtime}/holds"
        headers = self.signed_in
        with self.client.post(
            path, json=wanted, headers=headers, name="/showtimes/[id]/holds", catch_response=True
        ) as response:
            if response.status_code == 409 and response.json()["code"] == "seats_unavailable":
                response.success()
                raise RescheduleTask
            if response.status_code != 201:
                response.failure(f"{response.status_code} instead of 201")
                raise RescheduleTask
            return str(response.json()["id"])

    def step(self, reservation: str, what: str) -> None:
        """Send a confirm or a cancel."""
        self.client.post(
            f"/reservations/{reservation}/{what}", headers=self.signed_in, name=f"/reservations/[id]/{what}"
        )


@events.init.add_listener
def read_tokens(environment: Environment, **_: Any) -> None:
    """Give the users tokens in turn."""
    path = environment.parsed_options.tokens if environment.parsed_options else ""
    Customer.tokens = itertools.cycle(Path(path).read_text(encoding="ascii").split()) if path else None
