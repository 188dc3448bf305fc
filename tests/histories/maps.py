"""Finds seat maps that were older than an answer before them.

A confirm or a cancel that is answered while Redis is away is done all the same, and the maps show it as soon as Redis
has heard of it. Such a map is not stale but late, until LATE_S after the recovery.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from tests.histories.history import FOREVER, Broken, FaultWindow, History, Request
from tests.histories.reservations import Life, Promise

Item = TypeVar("Item")

LATE_S = 15.0
LATE_AFTER_KILL_S = 90.0  # another worker finds in PostgreSQL what a killed one has not told Redis
LEFT_S = 90.0  # for so long seats of a hold that was not answered may stay held: a worker looks for them once a minute
EXPIRY_S = 2.0


def check_maps(
    history: History, found: dict[str, Life], promises: list[Promise], *, clocks_are_right: bool
) -> list[Broken]:
    """All maps that were stale or late."""
    maps = [request for request in history.requests if request.kind == "map" and request.succeeded]
    broken = [*_versions(history, maps), *_hidden(history, maps, promises, clocks_are_right)]
    return [*broken, *_shown_too_long(history, maps, found, clocks_are_right)]


def _versions(history: History, maps: list[Request]) -> Iterator[Broken]:
    """A version never runs backwards, and means one map, but for what a confirm or a cancel is about to change."""
    acts: dict[int, list[Request]] = defaultdict(list)
    for each in history.requests:
        if each.kind in {"confirm", "cancel", "exchange"} and not each.refused:
            for seat in {*each.asked, *each.seats}:
                acts[seat].append(each)
    contents: dict[int, Request] = {}
    for seen in maps:
        first = contents.setdefault(seen.version, seen)
        for seat, shown in seen.shown.items():
            if first.shown.get(seat) != shown and not _is_changing(acts[seat], first, seen):
                what = f"version {seen.version}, seat {seat}: {first.shown.get(seat)} and {shown}: {first} and {seen}"
                yield Broken("stale map", seen.end, what)
    by_end = iter(sorted(maps, key=lambda each: each.end))
    before, newest = next(by_end, None), None
    for seen in sorted(maps, key=lambda each: each.start):
        while before is not None and before.end <= seen.start:
            newest = before if newest is None or before.version > newest.version else newest
            before = next(by_end, None)
        if newest is not None and seen.version < newest.version:
            yield Broken("stale map", seen.end, f"version {seen.version} after {newest.version}: {newest} and {seen}")


def _is_changing(acts: list[Request], *both: Request) -> bool:
    """Whether a request that changes the seat was under way, or had no answer: it commits before the version rises."""
    start, end = min(each.start for each in both), max(each.end for each in both)
    return any(each.start < end and (each.end > start or not each.succeeded) for each in acts)


def _hidden(history: History, maps: list[Request], promises: list[Promise], clocks_are_right: bool) -> Iterator[Broken]:
    """A seat that is held is not shown as available, and one that is owned is shown as booked."""
    for seen, promise in _meeting(maps, [(each.start, each.end, each) for each in promises]):
        if promise.start > seen.start or seen.end >= promise.end:
            continue  # it began or ended during the request
        shown = seen.shown.get(promise.seat)
        what = f"seat {promise.seat} {shown} after {promise.by}: {seen}"
        if promise.is_owned and shown != "booked":
            is_late = any(_explains(fault, promise.by, seen) for fault in history.faults)
            yield Broken("late map" if is_late else "stale map", seen.end, what)
        if not promise.is_owned and clocks_are_right and shown == "available":
            yield Broken("stale map", seen.end, what)


def _meeting(maps: list[Request], spans: list[tuple[float, float, Item]]) -> Iterator[tuple[Request, Item]]:
    """Each map with each item whose span, from a start to an end, meets its request."""
    waiting = iter(sorted(spans, key=lambda each: each[0]))
    following = next(waiting, None)
    current: list[tuple[float, float, Item]] = []
    for seen in sorted(maps, key=lambda each: each.start):
        while following is not None and following[0] < seen.end:
            current.append(following)
            following = next(waiting, None)
        current = [each for each in current if each[1] > seen.start]
        for start, _, item in current:
            if start < seen.end:
                yield seen, item


def _shown_too_long(
    history: History, maps: list[Request], found: dict[str, Life], clocks_are_right: bool
) -> Iterator[Broken]:
    """A seat is shown as booked or held only while a reservation may have it."""
    possible: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for seen, had in _meeting(maps, [*_possible(found), *_attempts(history)]):
        possible[id(seen)].add(had)
    for seen in maps:
        for seat, shown in seen.shown.items():
            if shown == "available" or (seat, shown) in possible[id(seen)]:
                continue
            is_late = any(
                fault.parts & {"redis", "worker", "service"}
                and fault.start < seen.end
                and seen.start < fault.recovered + LATE_AFTER_KILL_S
                for fault in history.faults
            )
            if is_late or clocks_are_right or shown == "booked":
                what = f"seat {seat} is {shown}, and no reservation may have it: {seen}"
                yield Broken("late map" if is_late else "stale map", seen.end, what)


def _possible(found: dict[str, Life]) -> Iterator[tuple[float, float, tuple[int, str]]]:
    """From when to when each reservation may have each of its seats held, and booked."""
    for life in found.values():
        for seat in {seat for each in life.requests for seat in (*each.asked, *each.seats)}:
            got = [each.start for each in life.of("hold", "exchange") if seat in (*each.asked, *each.seats)]
            gone = [each.end for each in life.of("cancel") if each.succeeded]
            gone += [each.end for each in life.of("exchange") if each.succeeded and seat not in each.seats]
            end = min([at for at in gone if at > max(got, default=0.0)], default=FOREVER)
            first = min(each.start for each in life.requests)
            yield first, min(end, _held_until(life)), (seat, "held")
            booked = [each.start for each in life.of("confirm") if not each.refused]
            if booked:
                yield min(booked), end, (seat, "booked")


def _held_until(life: Life) -> float:
    """Until when its seats may be held, if it is not cancelled: a confirm releases them before its answer."""
    acts = [*life.of("hold", "extend", "exchange", "confirm")]
    if not life.is_answered or any(not each.succeeded and not each.refused for each in acts):
        return FOREVER
    return max([life.expires() + EXPIRY_S, *(each.end for each in life.of("confirm"))])


def _attempts(history: History) -> Iterator[tuple[float, float, tuple[int, str]]]:
    """Requests without an answer that may have taken seats."""
    for each in history.requests:
        if each.kind in {"hold", "exchange"} and not each.succeeded:
            until = each.end if each.refused else each.end + LEFT_S
            yield from ((each.start, until, (seat, "held")) for seat in each.asked)
            if each.kind == "exchange" and not each.refused:
                yield from ((each.start, FOREVER, (seat, "booked")) for seat in each.asked)


def _explains(fault: FaultWindow, answered: Request, seen: Request) -> bool:
    """Whether Redis was away when the answer was given, and the map was read soon after that."""
    if "redis" not in fault.parts:
        return False
    late_s = LATE_AFTER_KILL_S if fault.parts & {"worker", "service"} else LATE_S
    return answered.start < fault.recovered and answered.end > fault.start and seen.start < fault.recovered + late_s
