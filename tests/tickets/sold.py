"""Sold seats and their tickets, for the tests of tickets and of the door."""

from typing import Any

from tests.api import Answer, Api, Person


async def sell(api: Api, who: Person, showtime_id: int, seat_ids: list[int]) -> str:
    """Hold and confirm seats; gives the reservation's id."""
    held = await api.hold(who, showtime_id, seat_ids)
    assert held.status == 201, held.text
    confirmed = await api.confirm(who, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    return str(held.json["id"])


async def tickets(api: Api, who: Person, reservation_id: str) -> list[dict[str, Any]]:
    """The tickets of a reservation."""
    answer = await api.call("GET", f"/reservations/{reservation_id}/tickets", who=who)
    assert answer.status == 200, answer.text
    made: list[dict[str, Any]] = answer.json["tickets"]
    return made


async def check_in(api: Api, who: Person, code: str, key: str = "", **fields: Any) -> Answer:
    """Check a ticket in."""
    headers = {"Idempotency-Key": key} if key else {}
    return await api.call("POST", "/check-ins", {"code": code, **fields}, who=who, headers=headers)
