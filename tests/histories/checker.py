"""Finds broken promises in a history. It reports only what no order of the requests can explain.

A request without an answer, or answered with 5xx, may have been carried out or not, at any time after its start. A
promise begins with its answer and ends when its end is asked for, so two of them that overlap here overlapped for every
observer.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from tests.histories.history import Broken, History, Request
from tests.histories.maps import check_maps
from tests.histories.reservations import Life, Promise, by_seat, lives

SAME_S = 0.002  # JSON has microseconds, and both ends of a comparison are rounded


def check(history: History, *, clocks_are_right: bool = True) -> list[Broken]:
    """All broken promises; without right clocks, only those that no clock can break."""
    found = lives(history)
    promises = [promise for life in found.values() for promise in life.promises()]
    broken = [*_overlaps(found, promises, clocks_are_right), *_repeated_keys(history)]
    for life in found.values():
        broken += _reads(life, clocks_are_right)
        if clocks_are_right:
            broken += _refusals(life, found, promises)
    broken += _stored(history, found)
    return broken + check_maps(history, found, promises, clocks_are_right=clocks_are_right)


def _overlaps(found: dict[str, Life], promises: list[Promise], clocks_are_right: bool) -> Iterator[Broken]:
    for of_seat in by_seat(promises).values():
        for one, other in combinations(of_seat, 2):
            if one.reservation == other.reservation or other.start >= one.end - SAME_S:
                continue
            if one.is_owned and other.is_owned:
                yield Broken("sold twice", other.start, f"seat {one.seat}: {one.by} and {other.by}")
            elif clocks_are_right and not _is_confirmed_unanswered(found, one, other):
                yield Broken("overlapping hold", other.start, f"seat {one.seat}: {one.by} and {other.by}")


def _is_confirmed_unanswered(found: dict[str, Life], one: Promise, other: Promise) -> bool:
    """Whether one is the confirm of a hold that was never answered, and the other a hold that does not prevent it.

    That is a hold which was asked for before the confirm was answered: afterwards, the seat is sold.
    """
    return any(
        owned.is_owned and not found[owned.reservation].is_answered and held.by.start < owned.start
        for owned, held in ((one, other), (other, one))
    )


def _repeated_keys(history: History) -> Iterator[Broken]:
    first: dict[str, Request] = {}
    for request in history.requests:
        if request.kind == "hold" and request.key and request.succeeded:
            before = first.setdefault(request.key, request)
            if before.reservation != request.reservation:
                yield Broken("other", request.end, f"one Idempotency-Key, two holds: {before} and {request}")


def _reads(life: Life, clocks_are_right: bool) -> Iterator[Broken]:
    """What is read of a reservation is not older than what was answered of it."""
    for read in life.of("read"):
        if read.status in {404, 410}:
            yield Broken("lost", read.end, f"it is gone: {read}")
        if not read.succeeded:
            continue
        if life.is_cancelled_at(read.start):
            if read.state != "cancelled":
                yield Broken("lost", read.end, f"its cancel was answered: {read}")
        elif life.is_confirmed_at(read.start, read.end):
            if read.state != "confirmed":
                yield Broken("lost", read.end, f"its confirm was answered: {read}")
        elif life.is_answered and clocks_are_right:
            yield from _reads_of_hold(life, read)


def _reads_of_hold(life: Life, read: Request) -> Iterator[Broken]:
    promised = life.expires(answered_before=read.start)
    if read.state == "held" and read.expires < promised - SAME_S:
        yield Broken("overlapping hold", read.end, f"it ends {promised - read.expires:.3f} s before the answer: {read}")
    if read.state == "expired" and read.end < promised - SAME_S:
        yield Broken("overlapping hold", read.end, f"it expired {promised - read.end:.3f} s early: {read}")
    if read.state == "cancelled" and not life.is_cancel_sent(read.end):
        yield Broken("lost", read.end, f"nothing cancelled it: {read}")


def _refusals(life: Life, found: dict[str, Life], promises: list[Promise]) -> Iterator[Broken]:
    """A confirm or an extension of a hold that is answered before its end is not refused."""
    if not life.is_answered:
        return
    for request in life.of("confirm", "extend"):
        if not request.refused or request.code in {"row_locked", "reservation_confirmed"}:
            continue
        promised = life.expires(answered_before=request.start)
        ended = life.is_cancel_sent(request.end) or life.is_exchange_sent(request.end)
        if request.end < promised - SAME_S and not ended and not _is_taken_by_unanswered(request, life, found):
            yield Broken("overlapping hold", request.end, f"refused {promised - request.end:.3f} s early: {request}")


def _is_taken_by_unanswered(request: Request, life: Life, found: dict[str, Life]) -> bool:
    """Whether another hold of its seats, which was never answered, may have been confirmed: that is not excluded.

    It is, once that confirm was answered before these seats were asked for.
    """
    asked: dict[int, float] = {}
    for each in life.requests:
        for seat in (*each.seats, *each.asked):
            asked[seat] = min(asked.get(seat, each.start), each.start)
    return request.code == "seats_unavailable" and any(
        not other.is_answered
        and confirm.start < request.end
        and any(
            seat in asked and not (confirm.succeeded and confirm.end <= asked[seat])
            for seat in (*confirm.seats, *confirm.asked)
        )
        for other in found.values()
        for confirm in other.of("confirm")
        if not confirm.refused
    )


def _stored(history: History, found: dict[str, Life]) -> Iterator[Broken]:
    """What PostgreSQL has at the end is what was answered last."""
    at = history.looked_at
    owners: dict[int, list[str]] = defaultdict(list)
    for life in found.values():
        if not any(each.succeeded for each in life.requests):
            continue
        stored = history.stored.get(life.id)
        if stored is None:
            yield Broken("lost", at, f"PostgreSQL does not have {life.id}")
        elif life.is_cancelled_at(at):
            if stored.status != "cancelled":
                yield Broken("lost", at, f"the cancel of {life.id} was answered, and it is {stored.status}")
        elif life.is_confirmed_at(at, at):
            seats = {seat for each in life.of("confirm") if each.succeeded for seat in each.seats}
            is_whole = {*stored.booked} == {*stored.seats} and (life.is_exchange_sent(at) or seats == {*stored.seats})
            if stored.status != "confirmed" or not is_whole:
                yield Broken("lost", at, f"the confirm of {life.id} was answered, and it is {stored}")
    for reservation_id, stored in history.stored.items():
        if stored.status == "confirmed":
            for seat in stored.seats:
                owners[seat].append(reservation_id)
    for seat, ids in owners.items():
        if len(ids) > 1:
            yield Broken("sold twice", at, f"seat {seat} belongs to {' and '.join(ids)}")
