"""The customers' books notice every contradiction, and hold nothing against the service that may be so."""

from typing import Any

from reservation.load.tracked_reservations import Booking, Ledger


def answer(number: int, *seats: int, status: str = "held") -> dict[str, Any]:
    return {"id": f"r{number}", "status": status, "seats": [{"seat_id": seat} for seat in seats]}


def hold(ledger: Ledger, number: int, *seats: int) -> Booking:
    return ledger.granted(answer(number, *seats), user=number, showtime_id=1, asked=seats)


def sell(ledger: Ledger, number: int, *seats: int) -> Booking:
    booking = hold(ledger, number, *seats)
    ledger.confirmed(booking, answer(number, *seats, status="confirmed"))
    return booking


def test_two_live_sales_of_a_seat_are_a_violation() -> None:
    ledger = Ledger()
    first, second = hold(ledger, 1, 5, 6), hold(ledger, 2, 6)
    ledger.confirmed(first, answer(1, 5, 6, status="confirmed"))
    ledger.confirmed(second, answer(2, 6, status="confirmed"))
    assert ledger.violations == ["showtime 1, seat 6: sold twice, to r1 and to r2"]


def test_a_hold_of_a_sold_seat_is_a_violation() -> None:
    ledger = Ledger()
    sell(ledger, 1, 5)
    hold(ledger, 2, 5)
    assert ledger.violations == ["showtime 1, seat 5: held for r2 while r1 had it confirmed"]


def test_a_seat_may_be_sold_again_once_its_cancel_was_sent() -> None:
    ledger = Ledger()
    first = sell(ledger, 1, 5)
    ledger.giving_up(first)
    sell(ledger, 2, 5)
    ledger.cancelled(first)
    assert ledger.violations == []
    assert ledger.owners == {(1, 5): "r2"}
    assert [booking.state for booking in ledger.past] == ["cancelled"]


def test_other_seats_than_asked_for_or_held_are_a_violation() -> None:
    ledger = Ledger()
    booking = ledger.granted(answer(1, 5, 7), user=1, showtime_id=1, asked=(5, 6))
    ledger.confirmed(booking, answer(1, 5, status="held"))
    assert len(ledger.violations) == 3
    assert ledger.counts["violations"] == 3
