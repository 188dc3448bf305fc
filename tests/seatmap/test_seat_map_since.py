"""GET /showtimes/{id}/seats?since=: the seats that may have changed, or all of them with `"since": null`."""

import asyncio

import pytest

from tests.api import Api
from tests.conftest import StartApi
from tests.live_feed import Follower, following, shown

PATIENCE_S = 60.0


async def test_since_the_current_version_is_an_empty_list(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    version = (await shown(api, cinema.showtime_id))["version"]
    expected = {"showtime_id": cinema.showtime_id, "version": version, "since": version, "seats": []}
    assert await shown(api, cinema.showtime_id, f"?since={version}") == expected
    async with following(api, cinema.showtime_id) as stream:
        await stream.next()
        assert await shown(api, cinema.showtime_id, f"?since={version}") == expected


async def test_a_showtime_without_viewers_is_answered_whole(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    version = (await shown(api, cinema.showtime_id))["version"]
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    whole = await shown(api, cinema.showtime_id)
    assert await shown(api, cinema.showtime_id, f"?since={version}") == whole | {"since": None}
    assert "since" not in whole


async def test_a_showtime_with_viewers_is_answered_with_the_changed_seats(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=5), await api.sign_up()
    a, b, c, *_ = cinema.seat_ids
    async with following(api, cinema.showtime_id) as stream:
        await stream.next()
        start = (await shown(api, cinema.showtime_id))["version"]
        first = await api.hold(customer, cinema.showtime_id, [a])
        between = (await shown(api, cinema.showtime_id))["version"]
        await api.hold(customer, cinema.showtime_id, [c])
        await api.confirm(customer, first.json["id"])
        whole = await shown(api, cinema.showtime_id)
        changed = await shown(api, cinema.showtime_id, f"?since={start}")
        assert changed == whole | {"since": start, "seats": [one for one in whole["seats"] if one["id"] in (a, c)]}
        await api.hold(customer, cinema.showtime_id, [b])
        later = await shown(api, cinema.showtime_id, f"?since={between}")
        assert {seat["id"]: seat["status"] for seat in later["seats"]} == {a: "booked", b: "held", c: "held"}
        latest = await shown(api, cinema.showtime_id, f"?since={whole['version']}")
        assert [seat["id"] for seat in latest["seats"]] == [b]


async def test_changes_are_kept_after_the_last_viewer_has_left(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    async with following(api, cinema.showtime_id) as stream:
        await stream.next()
    version = (await shown(api, cinema.showtime_id))["version"]
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    assert len((await shown(api, cinema.showtime_id, f"?since={version}"))["seats"]) == 1


async def test_changes_are_dropped_when_the_idle_time_is_over(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.live_feed.IDLE_FEED_S", 0.0)
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    async with following(api, cinema.showtime_id) as stream:
        await stream.next()
        version = (await shown(api, cinema.showtime_id))["version"]
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    async with asyncio.timeout(PATIENCE_S):
        while (await shown(api, cinema.showtime_id, f"?since={version}"))["since"] is not None:
            await asyncio.sleep(0.05)


async def test_a_client_that_lacks_too_many_changes_gets_all_seats(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_CHANGES", 2)
    cinema, customer = await api.cinema(rows=1, seats_per_row=5), await api.sign_up()
    async with following(api, cinema.showtime_id) as stream:
        follower, versions = Follower(), []
        for seat_id in cinema.seat_ids:
            whole = await shown(api, cinema.showtime_id)
            statuses = {seat["id"]: seat["status"] for seat in whole["seats"]}
            await follower.follow_until(stream, statuses, whole["version"])  # one event per change
            versions.append(whole["version"])
            await api.hold(customer, cinema.showtime_id, [seat_id])
        assert (await shown(api, cinema.showtime_id, f"?since={versions[0]}"))["since"] is None
        assert (await shown(api, cinema.showtime_id, f"?since={versions[-1]}"))["since"] == versions[-1]


async def test_changed_seats_have_another_etag_than_the_whole_map(api: Api) -> None:
    cinema, customer = await api.cinema(rows=1, seats_per_row=3), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    async with following(api, cinema.showtime_id) as stream:
        await stream.next()
        since = (await shown(api, cinema.showtime_id))["version"]
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        whole, part = await api.call("GET", path), await api.call("GET", f"{path}?since={since}")
        assert whole.headers["ETag"] != part.headers["ETag"]
        known = {"If-None-Match": whole.headers["ETag"]}
        assert (await api.call("GET", f"{path}?since={since}", headers=known)).status == 304


@pytest.mark.parametrize("query", ["since=", "since=-1", "since=x", f"since={2**63}", "since=1&since=2", "sincere=1"])
async def test_a_version_that_is_no_number_is_422(api: Api, query: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=1)
    answer = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats?{query}")
    assert (answer.status, answer.code) == (422, "validation_error")


async def test_since_of_an_unknown_showtime_is_404(api: Api) -> None:
    assert (await api.call("GET", "/showtimes/4711/seats?since=1")).status == 404


async def test_changes_kept_by_another_instance_are_not_known_here(start_api: StartApi) -> None:
    here, there = await start_api(), await start_api()
    cinema, customer = await here.cinema(rows=1, seats_per_row=3), await here.sign_up()
    async with following(there, cinema.showtime_id) as stream:
        await stream.next()
        version = (await shown(here, cinema.showtime_id))["version"]
        await here.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert (await shown(here, cinema.showtime_id, f"?since={version}"))["since"] is None
        assert (await shown(there, cinema.showtime_id, f"?since={version}"))["since"] == version
