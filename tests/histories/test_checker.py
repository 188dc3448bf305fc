"""The checker itself, on histories written by hand: what it must report, and what it must not."""

from typing import Any

import pytest

from tests.histories.checker import check
from tests.histories.history import FaultWindow, History, Kind, Request, Stored

A, B = "reservation-a", "reservation-b"


def request(kind: Kind, start: float, status: int = 200, reservation: str = A, **rest: Any) -> Request:
    """A request that is answered after 0.1 s, about seat 1."""
    seats = () if kind == "map" else (1,)
    return Request(kind, start, start + 0.1, status, reservation, seats, seats, **rest)


def held(start: float, reservation: str = A, *, expires: float, key: str = "") -> Request:
    return request("hold", start, 201, reservation, expires=expires, state="held", key=key)


def exchanged(start: float, seat: int, lasts: float = 0.1) -> Request:
    """An exchange for another seat."""
    return Request("exchange", start, start + lasts, 200, A, (seat,), (seat,), state="held", expires=9)


def held_seat(seat: int, start: float) -> Request:
    """A hold of B of another seat."""
    return Request("hold", start, start + 0.1, 201, B, (seat,), (seat,), state="held", expires=9)


def seat_map(start: float, shown: str, version: int = 1) -> Request:
    return Request("map", start, start + 0.1, 200, version=version, shown={1: shown})


CONFIRMED: dict[str, Any] = {"state": "confirmed"}
CANCELLED: dict[str, Any] = {"state": "cancelled"}
BROKEN: dict[str, tuple[str, list[Request]]] = {
    "two holds at once": ("overlapping hold", [held(1, expires=9), held(3, B, expires=9)]),
    "a hold of a seat that was confirmed": (
        "overlapping hold",
        [held(1, expires=3), request("confirm", 2, **CONFIRMED), held(5, B, expires=9)],
    ),
    "a hold of a seat that was confirmed although its hold had no answer": (
        "overlapping hold",
        [request("confirm", 2, 200, B, **CONFIRMED), held(5, expires=9)],
    ),
    "a hold of the seat of a first exchange": (
        "overlapping hold",
        [held(1, expires=9), exchanged(2, 2), held_seat(2, 3)],
    ),
    "a hold of the seat of a second exchange": (
        "overlapping hold",
        [held(1, expires=9), exchanged(2, 2), exchanged(3, 3), held_seat(3, 4)],
    ),
    "a seat sold twice": (
        "sold twice",
        [
            held(1, expires=3),
            held(4, B, expires=4.5),
            request("confirm", 5, 200, B, **CONFIRMED),
            request("confirm", 5, **CONFIRMED, late=True),
        ],
    ),
    "a hold before the answered end of an extended one": (
        "overlapping hold",
        [held(1, expires=3), request("extend", 2, expires=5, state="held"), held(4, B, expires=9)],
    ),
    "a confirm that is refused in time": (
        "overlapping hold",
        [held(1, expires=3), request("confirm", 2, 410, code="hold_expired")],
    ),
    "an end that is read earlier than answered": (
        "overlapping hold",
        [held(1, expires=9), request("read", 2, expires=8, state="held")],
    ),
    "a confirm that is read as held": (
        "lost",
        [held(1, expires=9), request("confirm", 2, **CONFIRMED), request("read", 3, expires=9, state="held")],
    ),
    "a cancel that is read as confirmed": (
        "lost",
        [
            held(1, expires=9),
            request("confirm", 2, **CONFIRMED),
            request("cancel", 3, **CANCELLED),
            request("read", 4, **CONFIRMED),
        ],
    ),
    "a hold that nothing cancelled": ("lost", [held(1, expires=9), request("read", 2, **CANCELLED)]),
    "one key and two holds": ("other", [held(1, expires=2, key="k"), held(4, B, expires=9, key="k")]),
    "a map without a hold": ("stale map", [held(1, expires=9), seat_map(2, "available")]),
    "a map that shows a sold seat as held": (
        "stale map",
        [held(1, expires=9), request("confirm", 2, **CONFIRMED), seat_map(3, "held")],
    ),
    "a map that shows a cancelled seat": (
        "stale map",
        [held(1, expires=9), request("cancel", 2, **CANCELLED), seat_map(3, "held")],
    ),
    "an older version": ("stale map", [seat_map(1, "available", 5), seat_map(2, "available", 4)]),
    "one version and two maps": (
        "stale map",
        [held(1, expires=9), seat_map(1, "available", 5), seat_map(1.05, "held", 5)],
    ),
}


@pytest.mark.parametrize(("kind", "requests"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_found(kind: str, requests: list[Request]) -> None:
    assert {each.kind for each in check(_all_stored(requests))} == {kind}


KEPT: dict[str, list[Request]] = {
    "a hold after the end of another": [held(1, expires=3), held(3, B, expires=9)],
    "a hold while another is being cancelled": [
        held(1, expires=9),
        request("cancel", 2, **CANCELLED),
        held(2.01, B, expires=9),
    ],
    "a hold after a cancel without an answer": [held(1, expires=9), request("cancel", 2, 0), held(3, B, expires=9)],
    "a hold that was answered 503 beside another": [held(1, expires=9), request("hold", 2, 503, "")],
    "a map during a hold": [held(1, expires=9), seat_map(1.05, "available"), seat_map(1.05, "held", 2)],
    "a seat that a hold without an answer may have": [request("hold", 1, 0, ""), seat_map(3, "held")],
    "a late confirm of a hold without an answer": [
        request("confirm", 2, 200, B, **CONFIRMED),
        held(1, expires=9),
        request("confirm", 3, 409, code="seats_unavailable"),
    ],
    "a confirm of a hold without an answer during a hold": [
        request("confirm", 2, 200, B, **CONFIRMED),
        Request("hold", 1.9, 5, 201, A, (1,), (1,), state="held", expires=9),
        request("confirm", 6, 409, code="seats_unavailable"),
    ],
    "a hold of the first seat of two exchanges": [
        held(1, expires=9),
        exchanged(2, 2),
        exchanged(3, 3),
        held_seat(2, 4),
    ],
    "a hold of a seat of one of two exchanges at once": [
        held(1, expires=9),
        exchanged(2, 2, lasts=1),
        exchanged(2.5, 3, lasts=1),
        held_seat(3, 4),
    ],
    "a confirm and a cancel at once": [
        held(1, expires=9),
        request("confirm", 2, **CONFIRMED),
        request("cancel", 2.05, **CANCELLED),
        held(3, B, expires=9),
    ],
}


@pytest.mark.parametrize("requests", KEPT.values(), ids=KEPT)
def test_what_an_order_of_the_requests_explains_is_not_reported(requests: list[Request]) -> None:
    assert check(_all_stored(requests)) == []


def test_a_confirm_that_is_refused_since_its_seat_was_sold_before_its_hold_is_found() -> None:
    """Also if the hold of the one who bought it had no answer: the seat was sold, and should not have been held."""
    refused = request("confirm", 6, 409, code="seats_unavailable")
    found = check(_all_stored([request("confirm", 2, 200, B, **CONFIRMED), held(5, expires=9), refused]))
    assert [each.kind for each in found] == ["overlapping hold"] * 2
    assert found[1].what == f"refused 2.900 s early: {refused}"


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (None, "lost"),
        (Stored("held", (1,), ()), "lost"),
        (Stored("confirmed", (1,), ()), "lost"),
        (Stored("confirmed", (1,), (1,)), None),
    ],
)
def test_a_confirm_that_postgresql_does_not_have_at_the_end_is_lost(stored: Stored | None, kind: str | None) -> None:
    history = History([held(1, expires=9), request("confirm", 2, **CONFIRMED)], looked_at=20)
    history.stored = {} if stored is None else {A: stored}
    assert [each.kind for each in check(history)] == ([kind] if kind else [])


def test_a_map_after_a_confirm_that_redis_could_not_be_told_is_late_and_not_stale() -> None:
    """Some seconds after Redis is back, it is stale."""
    history = _all_stored([held(1, expires=4), request("confirm", 2, **CONFIRMED), seat_map(3, "held")])
    history.faults = [FaultWindow("Redis is killed", frozenset({"redis"}), 1.5, 2.5, 2.8)]
    assert [each.kind for each in check(history)] == ["late map"]
    history.requests[-1] = seat_map(60, "held")
    assert "stale map" in [each.kind for each in check(history)]


def _all_stored(requests: list[Request]) -> History:
    """A history at whose end PostgreSQL has what was answered last."""
    history = History(requests, looked_at=100)
    for each in requests:
        if each.reservation and each.succeeded and each.kind != "read":
            booked = each.seats if each.state == "confirmed" else ()
            history.stored[each.reservation] = Stored(each.state, each.seats, booked)
    return history
