"""A programme in one call: each showtime has an outcome of its own, or all have one."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.api import Answer, Api, Person
from tests.conftest import StartApi

PATH = "/admin/showtimes/batch"
START = datetime(2031, 1, 1, 8, tzinfo=UTC)


class Programme:
    """A movie and two auditoriums, and showtimes in them at hours after a morning."""

    def __init__(self, api: Api, admin: Person, movie_id: int, rooms: tuple[int, int]) -> None:
        self.api, self.admin, self.movie_id, self.rooms = api, admin, movie_id, rooms

    def at(self, start: float, end: float, room: int = 0, **fields: Any) -> dict[str, Any]:
        return {
            "movie_id": self.movie_id,
            "auditorium_id": self.rooms[room],
            "starts_at": (START + timedelta(hours=start)).isoformat(),
            "ends_at": (START + timedelta(hours=end)).isoformat(),
            "base_price": "9.50",
        } | fields

    async def send(self, showtimes: list[Any], **fields: Any) -> Answer:
        """Send a batch that is right as it is documented."""
        return await self.api.call("POST", PATH, {"showtimes": showtimes, **fields}, who=self.admin)

    async def send_wrong(self, showtimes: Any, **fields: Any) -> Answer:
        """Send a batch with items that are not as documented, but may be answered 200."""
        data = json.dumps({"showtimes": showtimes, **fields})
        headers = {"Content-Type": "application/json"}
        return await self.api.call("POST", PATH, data=data, headers=headers, who=self.admin)

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.api.call("GET", "/admin/showtimes?limit=200", who=self.admin)
        items: list[dict[str, Any]] = answer.json["items"]
        return items


async def programme_of(api: Api) -> Programme:
    rooms = ((await api.auditorium())[0], (await api.auditorium())[0])
    return Programme(api, await api.admin(), await api.movie(title="A Film"), rooms)


@pytest.fixture
async def programme(api: Api) -> Programme:
    return await programme_of(api)


def statuses(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    assert [result["index"] for result in answer.json["results"]] == [*range(len(answer.json["results"]))]
    found = [result["status"] for result in answer.json["results"]]
    assert (answer.json["created"], answer.json["failed"]) == (found.count("created"), found.count("failed"))
    return found


def errors(answer: Answer) -> dict[int, Any]:
    return {result["index"]: result["error"] for result in answer.json["results"] if result["status"] == "failed"}


async def test_each_created_showtime_equals_that_of_a_single_post(programme: Programme) -> None:
    sent = [programme.at(2, 4), programme.at(0, 2), programme.at(0, 2, room=1, base_price=7)]

    answer = await programme.send(sent)

    assert statuses(answer) == ["created"] * 3
    made = [result["showtime"] for result in answer.json["results"]]
    for showtime, wanted in zip(made, sent, strict=True):
        got = await programme.api.call("GET", f"/admin/showtimes/{showtime['id']}", who=programme.admin)
        assert got.json == showtime
        assert datetime.fromisoformat(showtime["starts_at"]) == datetime.fromisoformat(wanted["starts_at"])
        assert showtime["auditorium_id"] == wanted["auditorium_id"]
    assert [showtime["base_price"] for showtime in made] == ["9.50", "9.50", "7.00"]
    assert {showtime["id"] for showtime in await programme.listed()} == {showtime["id"] for showtime in made}


async def test_each_failure_equals_that_of_a_single_post(programme: Programme) -> None:
    there = await programme.api.make("/admin/showtimes", programme.at(10, 12))
    wrong = [
        programme.at(11, 13),  # overlaps what was there
        programme.at(14, 14),
        programme.at(16, 18, movie_id=4711),
        programme.at(16, 18, auditorium_id=2**63 - 1),
        programme.at(16, 18, base_price="1.234", extra=1),
        {},
        None,
        programme.at(16, 18, starts_at="2031-01-01T16:00:00"),
    ]

    answer = await programme.send_wrong([*wrong, programme.at(30, 32)])

    assert statuses(answer) == ["failed"] * len(wrong) + ["created"]
    failed = errors(answer)
    for index, body in enumerate(wrong):
        if not isinstance(body, dict):
            continue
        data, headers = json.dumps(body), {"Content-Type": "application/json"}
        alone = await programme.api.call("POST", "/admin/showtimes", data=data, headers=headers, who=programme.admin)
        assert alone.status == (409 if index == 0 else 422)
        left = {"type", "title", "status", "request_id"}
        assert failed[index] == {name: value for name, value in alone.json.items() if name not in left}
    assert failed[0]["conflicting_showtime_id"] == there["id"]
    assert [error["pointer"] for error in failed[1]["errors"]] == ["/ends_at"]
    assert {error["pointer"] for error in failed[4]["errors"]} == {"/base_price", "/extra"}
    assert [error["pointer"] for error in failed[6]["errors"]] == [""]


async def test_of_two_overlapping_showtimes_the_second_fails(programme: Programme) -> None:
    answer = await programme.send(
        [
            programme.at(2, 4),
            programme.at(1, 3),  # starts earlier, but comes later
            programme.at(0, 2),  # overlaps only what failed
            programme.at(2, 4),  # the very same
            programme.at(2, 4, room=1),
        ]
    )

    assert statuses(answer) == ["created", "failed", "created", "failed", "created"]
    first = answer.json["results"][0]["showtime"]["id"]
    for index in (1, 3):
        error = errors(answer)[index]
        assert error["code"] == "showtime_overlap"
        assert (error["conflicting_index"], error["conflicting_showtime_id"]) in {
            (0, first),
            (2, answer.json["results"][2]["showtime"]["id"]),
        }
    assert errors(answer)[3]["conflicting_index"] == 0


async def test_a_failed_showtime_does_not_fail_a_later_one_at_its_start(programme: Programme) -> None:
    await programme.api.make("/admin/showtimes", programme.at(3, 5))

    answer = await programme.send([programme.at(1, 4), programme.at(1, 3, base_price="1.00"), programme.at(1, 3)])

    assert statuses(answer) == ["failed", "created", "failed"]
    assert answer.json["results"][1]["showtime"]["base_price"] == "1.00"


async def test_cleaning_keeps_a_gap(start_api: StartApi) -> None:
    programme = await programme_of(await start_api(CLEANING_MINUTES="30"))

    answer = await programme.send([programme.at(0, 2), programme.at(2.25, 4), programme.at(2.5, 4)])

    assert statuses(answer) == ["created", "failed", "created"]


async def test_all_or_nothing_creates_nothing_when_one_fails_and_names_all(programme: Programme) -> None:
    there = await programme.api.make("/admin/showtimes", programme.at(10, 12))

    answer = await programme.send_wrong(
        [programme.at(0, 2), programme.at(1, 3), programme.at(11, 13), {}, programme.at(20, 22, movie_id=4711)],
        all_or_nothing=True,
    )

    assert (answer.status, answer.code) == (409, "batch_refused")
    failed = errors(answer)
    assert {index: error["code"] for index, error in failed.items()} == {
        1: "showtime_overlap",
        2: "showtime_overlap",
        3: "validation_error",
        4: "validation_error",
    }
    assert failed[1]["conflicting_index"] == 0
    assert "conflicting_showtime_id" not in failed[1]  # there is no such showtime
    assert failed[2]["conflicting_showtime_id"] == there["id"]
    assert [showtime["id"] for showtime in await programme.listed()] == [there["id"]]


async def test_all_or_nothing_creates_all_when_none_fails(programme: Programme) -> None:
    answer = await programme.send([programme.at(hour, hour + 1) for hour in range(5)], all_or_nothing=True)

    assert statuses(answer) == ["created"] * 5
    assert len(await programme.listed()) == 5


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_of_too_many_showtimes_is_422(programme: Programme, count: int) -> None:
    answer = await programme.send_wrong([programme.at(hour, hour + 1) for hour in range(count)])

    assert (answer.status, answer.code) == (422, "validation_error")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/showtimes"]
    assert await programme.listed() == []


@pytest.mark.parametrize("flag", [1, "true", None, []])
async def test_all_or_nothing_must_be_a_boolean(programme: Programme, flag: Any) -> None:
    answer = await programme.send_wrong([programme.at(0, 1)], all_or_nothing=flag)

    assert answer.status == 422
    assert [error["pointer"] for error in answer.json["errors"]] == ["/all_or_nothing"]


async def test_a_batch_of_1000_creates_all_that_do_not_overlap(
    programme: Programme, db: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A thousand showtimes, every tenth of which overlaps: one statement judges them all."""
    wanted = [programme.at(hour - 0.5 if hour % 10 == 9 else hour, hour + 1) for hour in range(1000)]

    answer = await programme.send(wanted)

    assert statuses(answer) == ["failed" if hour % 10 == 9 else "created" for hour in range(1000)]
    assert await db.fetchval("select count(*) from showtimes") == 900


async def test_a_batch_needs_an_administrator(api: Api) -> None:
    programme = await programme_of(api)
    body = {"showtimes": [programme.at(0, 1)]}
    assert (await api.call("POST", PATH, body)).status == 401
    assert (await api.call("POST", PATH, body, who=await api.sign_up())).status == 403
    assert await programme.listed() == []
