"""The live feed of a seat map: its first event, its changes, and its end."""

import asyncio
import re
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from reservation.errors import HoldsUnavailable
from reservation.http.app_keys import LIVE
from reservation.seatmap.live_feed import RECONNECT, LiveFeeds
from reservation.seatmap.viewers import MapFeed, Viewer
from tests.api import Api, Cinema, Person, slot
from tests.conftest import PATIENT, StartApi
from tests.figures import figures, growth
from tests.live_feed import Event, Follower, Stream, following, shown

PATIENCE_S = 60.0


async def cinema_and_customer(api: Api) -> tuple[Cinema, Person]:
    return await api.cinema(rows=2, seats_per_row=4), await api.sign_up()


async def next_event(stream: Stream) -> Event:
    event = await stream.next()
    assert event is not None
    return event


def live_of(api: Api) -> LiveFeeds:
    server: Any = api.client.server
    found: LiveFeeds = server.app[LIVE]
    return found


async def test_the_first_event_is_a_snapshot(api: Api) -> None:
    cinema, customer = await cinema_and_customer(api)
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    async with following(api, cinema.showtime_id) as stream:
        first = await next_event(stream)
        assert first.kind == "snapshot"
        assert first.data == await shown(api, cinema.showtime_id)
        assert first.id == first.data["version"]
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert stream.response.headers["X-Accel-Buffering"] == "no"


async def test_holds_confirms_and_cancels_are_sent_as_changed_seats(api: Api) -> None:
    cinema, customer = await cinema_and_customer(api)
    seats = cinema.seat_ids[2:4]
    async with following(api, cinema.showtime_id) as stream:
        follower = Follower()
        follower.apply(await next_event(stream))
        held = await api.hold(customer, cinema.showtime_id, seats)
        event = await next_event(stream)
        assert (event.kind, event.statuses) == ("seats", dict.fromkeys(seats, "held"))
        whole = await shown(api, cinema.showtime_id)
        assert event.data["seats"] == [seat for seat in whole["seats"] if seat["id"] in seats]
        assert event.id == whole["version"]
        follower.apply(event)
        for act, status in ((api.confirm, "booked"), (api.cancel, "available")):
            await act(customer, held.json["id"])
            wanted = dict.fromkeys(cinema.seat_ids, "available") | dict.fromkeys(seats, status)
            await follower.follow_until(stream, wanted, (await shown(api, cinema.showtime_id))["version"])
        assert follower.snapshots == 1


async def test_an_expired_hold_is_sent_as_an_available_seat(start_api: StartApi) -> None:
    api = await start_api(HOLD_TTL_SECONDS="1")
    cinema, customer = await cinema_and_customer(api)
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert (await next_event(stream)).statuses == {cinema.seat_ids[0]: "held"}
        assert (await next_event(stream)).statuses == {cinema.seat_ids[0]: "available"}


async def test_a_hold_on_another_instance_is_sent(start_api: StartApi) -> None:
    here, there = await start_api(), await start_api()
    cinema, customer = await cinema_and_customer(here)
    async with following(there, cinema.showtime_id) as stream:
        await next_event(stream)
        await here.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert (await next_event(stream)).statuses == {cinema.seat_ids[0]: "held"}


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_client_with_a_known_version_gets_the_changes_since(api: Api, how: str) -> None:
    cinema, customer = await cinema_and_customer(api)
    async with following(api, cinema.showtime_id) as stream:
        known = (await next_event(stream)).id
        assert known is not None
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
    given: dict[str, Any] = {"known": known} if how == "header" else {"query": f"?since={known}"}
    async with following(api, cinema.showtime_id, **given) as stream:
        missed = await next_event(stream)
        assert (missed.kind, missed.statuses) == ("seats", dict.fromkeys(cinema.seat_ids[:2], "held"))


@pytest.mark.parametrize("known", ["0", "1", str(2**63 - 1), "9" * 400, "-1", "abc", "١"])
async def test_a_client_with_an_unknown_version_gets_a_snapshot(api: Api, known: str) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    path = f"/showtimes/{cinema.showtime_id}/events"
    async with api.client.get(path, headers={"Last-Event-ID": known}) as response:
        event = await next_event(Stream(response))
    assert event.kind == "snapshot"
    assert len(event.data["seats"]) == 3


async def test_a_change_of_the_layout_sends_a_snapshot(api: Api) -> None:
    cinema, _ = await cinema_and_customer(api)
    admin = await api.admin()
    async with following(api, cinema.showtime_id) as stream:
        known = (await next_event(stream)).id
        assert (await api.call("DELETE", f"/admin/seats/{cinema.seat_ids[0]}", who=admin)).status == 204
        event = await next_event(stream)
        assert (event.kind, [*event.statuses]) == ("snapshot", cinema.seat_ids[1:])
        async with following(api, cinema.showtime_id, known=known) as late:
            assert (await next_event(late)).kind == "snapshot"


async def test_a_deleted_showtime_ends_the_stream_with_gone(api: Api) -> None:
    cinema, _ = await cinema_and_customer(api)
    path = f"/admin/showtimes/{cinema.showtime_id}"
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        assert (await api.call("DELETE", path, who=await api.admin())).status == 204
        assert (await next_event(stream)).kind == "gone"
        assert await stream.next() is None
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/events")).status == 404


async def test_events_are_as_the_document_says(api: Api) -> None:
    cinema, customer = await cinema_and_customer(api)
    document = await api.document()
    seen = []

    async def see(stream: Stream) -> None:
        event = await next_event(stream)
        seen.append(event.kind)
        document.check_event("FollowSeatMapEvent", event.kind, event.data)

    empty = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    async with following(api, empty) as stream:
        await see(stream)
        assert (await api.call("DELETE", f"/admin/showtimes/{empty}", who=await api.admin())).status == 204
        await see(stream)
    async with following(api, cinema.showtime_id) as stream:
        await see(stream)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        await see(stream)
        await live_of(api).close()
        await see(stream)
    assert seen == ["snapshot", "gone", "snapshot", "seats", "reconnect"]


async def test_an_unknown_showtime_is_404_and_a_bad_query_422(api: Api) -> None:
    answer = await api.call("GET", "/showtimes/4711/events")
    assert (answer.status, answer.code) == (404, "not_found")
    answer = await api.call("GET", "/showtimes/1/events?since=abc")
    assert (answer.status, answer.code) == (422, "validation_error")


async def test_head_answers_like_get_without_a_stream(api: Api) -> None:
    cinema, _ = await cinema_and_customer(api)
    async with asyncio.timeout(PATIENCE_S):
        answer = await api.call("HEAD", f"/showtimes/{cinema.showtime_id}/events")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
        assert (await api.call("HEAD", "/showtimes/4711/events")).status == 404


async def test_a_viewer_beyond_live_viewers_max_is_503(start_api: StartApi) -> None:
    api = await start_api(LIVE_VIEWERS_MAX="1")
    cinema, _ = await cinema_and_customer(api)
    path = f"/showtimes/{cinema.showtime_id}/events"
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        refused = await api.call("GET", path)
        assert (refused.status, refused.code) == (503, "overloaded")
        assert refused.headers["Retry-After"]
    async with asyncio.timeout(PATIENCE_S):
        while True:  # until the service has noticed that the first has disconnected
            async with api.client.get(path) as response:
                if response.status == 200:
                    break
            await asyncio.sleep(0.05)


async def test_a_heartbeat_is_sent_as_a_comment(start_api: StartApi) -> None:
    api = await start_api(SSE_HEARTBEAT_SECONDS="1")
    cinema, customer = await cinema_and_customer(api)
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        reading = asyncio.create_task(stream.next())
        async with asyncio.timeout(PATIENCE_S):
            while not stream.comments:
                await asyncio.sleep(0.05)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert await reading is not None


async def test_http_1_0_gets_a_stream_without_chunks(api: Api) -> None:
    cinema, customer = await cinema_and_customer(api)
    url = api.client.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET /showtimes/{cinema.showtime_id}/events HTTP/1.0\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"chunked" not in head.lower()
        assert re.match(rb"retry: \d+\nevent: snapshot\nid: ", await reader.readuntil(b"\n\n"))
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert (await reader.readuntil(b"\n\n")).startswith(b"event: seats\nid: ")
    writer.close()


async def test_a_slow_viewer_is_disconnected_and_the_others_get_their_events(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start_api(**PATIENT)
    monkeypatch.setattr("reservation.seatmap.viewers.MAX_SLOW_S", 0.5)
    monkeypatch.setattr("reservation.seatmap.viewers.DISCONNECT_AFTER_S", 0.1)
    movie_id = await api.movie()
    auditorium_id, seat_ids = await api.auditorium(rows=100, seats_per_row=100)
    showtime_id = await api.showtime(movie_id, auditorium_id)
    customer = await api.sign_up()
    url = api.client.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(f"GET /showtimes/{showtime_id}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    follower, figures_before = Follower(), await figures(api)
    async with following(api, showtime_id) as stream:
        follower.apply(await next_event(stream))
        feed = live_of(api)._feeds[showtime_id]
        async with asyncio.timeout(PATIENCE_S):
            while len(feed.viewers) < 2:
                await asyncio.sleep(0.01)
            for cents in count():  # a snapshot each time, until the slow viewer's backlog is full, and longer
                if len(feed.viewers) < 2:
                    break
                await api.call(
                    "PUT",
                    f"/admin/showtimes/{showtime_id}",
                    {"movie_id": movie_id, "auditorium_id": auditorium_id, "base_price": f"11.{cents % 100:02}"}
                    | {
                        name: (await api.call("GET", f"/showtimes/{showtime_id}")).json[name]
                        for name in ("starts_at", "ends_at")
                    },
                    who=await api.admin(),
                )
                follower.apply(await next_event(stream))
        await api.hold(customer, showtime_id, seat_ids[:1])
        while follower.statuses[seat_ids[0]] != "held":
            follower.apply(await next_event(stream))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(10**9)
    writer.close()
    grown = await growth(api, figures_before)
    assert grown["reservation_live_viewers_dropped_total"] == 1
    assert grown["reservation_live_events_skipped_total"] >= 1


async def test_a_slow_viewer_that_reads_its_backlog_gets_a_snapshot(api: Api) -> None:
    cinema, customer = await cinema_and_customer(api)
    async with following(api, cinema.showtime_id) as stream:
        follower = Follower()
        follower.apply(await next_event(stream))
        [viewer] = live_of(api)._feeds[cinema.showtime_id].viewers
        viewer._slow_since = asyncio.get_running_loop().time()  # as if its backlog had been full a moment ago
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        event = await next_event(stream)
        assert event.kind == "snapshot"
        follower.apply(event)  # it may be from just before the hold
        await follower.follow_until(stream, await api.statuses(cinema.showtime_id), event.id or 0)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
        assert (await next_event(stream)).kind == "seats"


async def test_a_stop_ends_streams_with_reconnect(start_api: StartApi) -> None:
    api = await start_api()
    cinema, _ = await cinema_and_customer(api)
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        closing = asyncio.create_task(live_of(api).close())
        assert (await next_event(stream)).kind == "reconnect"
        assert await stream.next() is None
        await closing
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/events")).code == "overloaded"


async def test_a_stop_ends_requests_that_wait_for_the_first_event(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    cinema, _ = await cinema_and_customer(api)
    monkeypatch.setattr("reservation.seatmap.live_feed.WAIT_S", 600.0)
    live = live_of(api)

    async def read(_: MapFeed) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(live, "_read", read)
    waiting = asyncio.create_task(api.call("GET", f"/showtimes/{cinema.showtime_id}/events"))
    async with asyncio.timeout(PATIENCE_S):
        while not live._feeds:
            await asyncio.sleep(0.01)
        await live.close()
        assert (await waiting).code == "overloaded"
    assert not live._tasks


async def test_no_other_request_is_served_on_the_connection_of_a_stream(api: Api) -> None:
    """A slow viewer's connection is closed a little after its final event: no other request may be on it then."""
    cinema, _ = await cinema_and_customer(api)
    url = api.client.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    get = f"GET /showtimes/{cinema.showtime_id}/events HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(get.encode() + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        assert b"\r\nconnection: close\r\n" in (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readuntil(b"event: snapshot")
        feed = live_of(api)._feeds[cinema.showtime_id]
        for viewer in feed.viewers:
            viewer.end(RECONNECT)
        assert (await reader.read()).endswith(b"event: reconnect\ndata: {}\n\n\r\n0\r\n\r\n")
    writer.close()


async def test_clients_are_given_different_times_to_reconnect(api: Api) -> None:
    cinema, _ = await cinema_and_customer(api)
    async with AsyncExitStack() as feeds:
        streams = [await feeds.enter_async_context(following(api, cinema.showtime_id)) for _ in range(6)]
        for stream in streams:
            await next_event(stream)
        delays_ms = [stream.retry_ms or 0 for stream in streams]
    assert len(set(delays_ms)) > 1
    assert min(delays_ms) >= 1000
    assert max(delays_ms) <= 5000


async def test_a_map_older_than_the_clients_is_not_sent(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker cannot read the stores for a while; a client with a later version is not sent an earlier one."""
    monkeypatch.setattr("reservation.seatmap.live_feed.WAIT_S", 1.0)
    here, there = await start_api(), await start_api()
    cinema, customer = await cinema_and_customer(here)
    live, gate = live_of(here), asyncio.Event()
    read = live._read

    async def read_later(feed: MapFeed) -> Any:
        await gate.wait()
        return await read(feed)

    async with following(here, cinema.showtime_id) as stream:
        first = await next_event(stream)
        monkeypatch.setattr(live, "_read", read_later)
        await there.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        known = (await shown(there, cinema.showtime_id))["version"]
        assert known > (first.id or 0)
        for version in (known, None):
            async with following(here, cinema.showtime_id, known=version) as resumed:
                assert (await next_event(resumed)).kind == "reconnect"
                assert await resumed.next() is None
        gate.set()
        assert (await next_event(stream)).id == known
        async with following(here, cinema.showtime_id, known=known) as resumed:
            assert (await next_event(resumed)).id == known


async def test_feeds_without_viewers_are_at_most_max_idle_feeds(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.live_feed.MAX_IDLE_FEEDS", 2)
    showtime_ids = [(await api.cinema(rows=1, seats_per_row=2)).showtime_id for _ in range(5)]
    live = live_of(api)
    async with following(api, showtime_ids[0]) as stream:
        await next_event(stream)
        for showtime_id in showtime_ids:
            async with following(api, showtime_id) as other:
                await next_event(other)
            async with asyncio.timeout(PATIENCE_S):
                while live._viewers > 1:
                    await asyncio.sleep(0.01)
        assert [*live._feeds] == [showtime_ids[0], *showtime_ids[-2:]]
        async with asyncio.timeout(PATIENCE_S):
            while len(live._tasks) > 3:
                await asyncio.sleep(0.01)
            while any(feed.history._snapshot for feed in live._feeds.values()):
                await asyncio.sleep(0.01)
        async with following(api, showtime_ids[1]) as other:
            assert (await next_event(other)).kind == "snapshot"


async def test_a_feed_recovers_from_failures_of_its_first_watch(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    cinema, customer = await cinema_and_customer(api)
    live, failures = live_of(api), [HoldsUnavailable(), RuntimeError("once")]
    watch = live._watch

    async def fail_at_first(some: Any) -> None:
        if failures:
            raise failures.pop()
        await watch(some)

    monkeypatch.setattr(live, "_watch", fail_at_first)
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        assert (await next_event(stream)).statuses == {cinema.seat_ids[0]: "held"}


async def test_a_viewer_that_fails_is_dropped_and_the_others_get_their_events(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema, customer = await cinema_and_customer(api)
    async with AsyncExitStack() as feeds:
        streams = [await feeds.enter_async_context(following(api, cinema.showtime_id)) for _ in range(4)]
        for stream in streams:
            await next_event(stream)
        viewers = live_of(api)._feeds[cinema.showtime_id].viewers
        broken, send = next(iter(viewers)), Viewer.send

        def send_or_fail(viewer: Viewer, frame: Any) -> None:
            if viewer is broken:
                raise RuntimeError("broken")
            send(viewer, frame)

        monkeypatch.setattr(Viewer, "send", send_or_fail)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        events = [await stream.next() for stream in streams]
        assert sorted("ended" if event is None else event.kind for event in events) == ["ended", *["seats"] * 3]
        assert broken not in viewers


async def test_a_worker_has_one_subscription_for_all_viewers(api: Api, redis_url: str) -> None:
    first, second = (await cinema_and_customer(api))[0], await api.cinema(rows=1, seats_per_row=2)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        async with AsyncExitStack() as feeds:
            for showtime_id in (first.showtime_id, first.showtime_id, second.showtime_id):
                await next_event(await feeds.enter_async_context(following(api, showtime_id)))
            found = await redis.pubsub_numsub("reservation:maps:0")
        assert found == [("reservation:maps:0", 1)]


async def test_nothing_is_published_without_viewers(api: Api, redis_url: str) -> None:
    cinema, customer = await cinema_and_customer(api)
    async with Redis.from_url(redis_url, decode_responses=True) as redis, redis.pubsub() as channel:
        await channel.subscribe("reservation:maps:0")
        assert (await channel.get_message(timeout=5))["type"] == "subscribe"
        held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        await api.confirm(customer, held.json["id"])
        await redis.publish("reservation:maps:0", "the end")
        assert (await channel.get_message(timeout=5))["data"] == "the end"


async def test_other_messages_on_the_channel_are_ignored(api: Api, redis_url: str) -> None:
    cinema, customer = await cinema_and_customer(api)
    async with Redis.from_url(redis_url) as redis, following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        for notice in ("", "x", "{1}:map", "{x}:map 1", "{4711}:map 5", f"{{{cinema.showtime_id}}}:map x", b"\xff"):
            await redis.publish("reservation:maps:0", notice)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
        while (await next_event(stream)).statuses.get(cinema.seat_ids[0]) != "held":
            pass


async def test_metrics_count_the_time_to_the_first_byte_of_a_stream(api: Api) -> None:
    cinema, _ = await cinema_and_customer(api)
    async with following(api, cinema.showtime_id) as stream:
        await next_event(stream)
        await asyncio.sleep(1.1)
    wanted = {"method": "GET", "route": "/showtimes/{showtime_id}/events", "le": "1.0"}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            text = (await api.call("GET", "/metrics")).text
            counted = [
                sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "reservation_http_request_seconds_bucket" and sample.labels == wanted
            ]
            if counted and counted[0] >= 1:
                break
            await asyncio.sleep(0.05)


async def test_an_allowed_origin_may_read_the_stream(start_api: StartApi) -> None:
    api = await start_api(CORS_ORIGINS="https://cinema.example")
    cinema, _ = await cinema_and_customer(api)
    path = f"/showtimes/{cinema.showtime_id}/events"
    async with api.client.get(path, headers={"Origin": "https://cinema.example"}) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "https://cinema.example"
        assert (await next_event(Stream(response))).kind == "snapshot"
