"""Answers that contradict each other are violations."""

from typing import Any

from reservation.load.tracked_reservations import ReservationTracker, TrackedReservation


def answer(number: int, *seats: int, status: str = "held") -> dict[str, Any]:
    return {"id": f"r{number}", "status": status, "seats": [{"seat_id": seat} for seat in seats]}


def hold(tracker: ReservationTracker, number: int, *seats: int) -> TrackedReservation:
    return tracker.record_hold(answer(number, *seats), user=number, showtime_id=1, asked=seats)


def sell(tracker: ReservationTracker, number: int, *seats: int) -> TrackedReservation:
    booking = hold(tracker, number, *seats)
    tracker.record_confirm(booking, answer(number, *seats, status="confirmed"))
    return booking


def test_a_seat_confirmed_for_two_reservations_is_a_violation() -> None:
    tracker = ReservationTracker()
    first, second = hold(tracker, 1, 5, 6), hold(tracker, 2, 6)
    tracker.record_confirm(first, answer(1, 5, 6, status="confirmed"))
    tracker.record_confirm(second, answer(2, 6, status="confirmed"))
    assert tracker.violations == ["showtime 1, seat 6: sold twice, to r1 and to r2"]


def test_a_hold_of_a_sold_seat_is_a_violation() -> None:
    tracker = ReservationTracker()
    sell(tracker, 1, 5)
    hold(tracker, 2, 5)
    assert tracker.violations == ["showtime 1, seat 5: held for r2 while r1 had it confirmed"]


def test_a_sale_after_the_cancel_was_sent_is_no_violation() -> None:
    tracker = ReservationTracker()
    first = sell(tracker, 1, 5)
    tracker.record_cancel_sent(first)
    sell(tracker, 2, 5)
    tracker.record_cancel(first)
    assert tracker.violations == []
    assert tracker.owners == {(1, 5): "r2"}
    assert [booking.state for booking in tracker.past] == ["cancelled"]


def test_a_hold_or_confirm_of_other_seats_than_requested_is_a_violation() -> None:
    tracker = ReservationTracker()
    booking = tracker.record_hold(answer(1, 5, 7), user=1, showtime_id=1, asked=(5, 6))
    tracker.record_confirm(booking, answer(1, 5, status="held"))
    assert len(tracker.violations) == 3
    assert tracker.counts["violations"] == 3
