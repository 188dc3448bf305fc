"""Events are delivered to webhooks at least once, in order, again after failures, and beside receivers that hang."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from reservation.background import BackgroundWork
from reservation.outbox.deliveries import DELAYS_S, JITTER
from reservation.webhooks.channel import AT_ONCE_TO_ONE
from reservation.webhooks.client import NOT_ALLOWED
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.webhooks.receiver import LOOPBACK, Received, Receiver, receiving

RESERVATIONS = ["reservation.held", "reservation.confirmed", "reservation.cancelled", "reservation.changed"]


@pytest.fixture
def limits() -> Mapping[str, str]:
    return {"WEBHOOK_ALLOWED_NETWORKS": LOOPBACK}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def call(api: Api, method: str, path: str, body: Any = None) -> Answer:
    """Call an operation as the administrator."""
    return await api.call(method, f"/admin{path}", body, who=await api.admin())


async def add_webhook(api: Api, receiver: Receiver, events: list[str] = RESERVATIONS) -> Any:
    """A webhook for the receiver."""
    return await api.make("/admin/webhooks", {"url": receiver.url, "events": events})


async def deliveries_of(api: Api, webhook: Any, **filters: str) -> list[Any]:
    """The deliveries of a webhook, newest first."""
    path = f"/admin/webhooks/{webhook['id']}/deliveries"
    return list((await api.call("GET", path, who=await api.admin(), params=filters)).json["items"])


async def make_due(db: Connection) -> None:
    """Let the time of the next attempts come."""
    await db.execute("update deliveries set next_attempt_at = now() where status = 'pending' and channel = 'webhook'")


async def give_up(db: Connection) -> None:
    """Make dead letters of all deliveries to webhooks."""
    await db.execute("update deliveries set status = 'dead', ended_at = now() where channel = 'webhook'")


async def hold_one(api: Api, cinema: Cinema, person: Person, seat: int = 0) -> str:
    held = await api.hold(person, cinema.showtime_id, [cinema.seat_ids[seat]])
    assert held.status == 201, held.text
    return str(held.json["id"])


def types_of(received: list[Received]) -> list[str]:
    return [each.type for each in received]


async def test_a_reservation_is_told_in_order_with_signatures_of_the_secret(api: Api, receiver: Receiver) -> None:
    webhook = await add_webhook(api, receiver)
    cinema, person = await api.cinema(), await api.sign_up()
    reservation_id = await hold_one(api, cinema, person)
    await api.confirm(person, reservation_id)
    await api.cancel(person, reservation_id)
    await api.work()

    told = [each.verified(webhook["secret"]) for each in receiver.received]
    assert [each["type"] for each in told] == ["reservation.held", "reservation.confirmed", "reservation.cancelled"]
    assert [each["data"]["reservation"]["status"] for each in told] == ["held", "confirmed", "cancelled"]
    assert {each["data"]["reservation"]["id"] for each in told} == {reservation_id}
    assert [sorted(each) for each in told] == [["data", "timestamp", "type"]] * 3
    assert len({each.id for each in receiver.received}) == 3
    newest = (await deliveries_of(api, webhook))[0]
    assert (newest["kind"], newest["status"], newest["attempts"]) == ("reservation.cancelled", "delivered", 1)
    assert (newest["message_id"], newest["last_status_code"]) == (receiver.received[-1].id, 204)
    assert newest["last_duration_ms"] >= 0


async def test_the_ids_are_those_of_the_feed_of_changes(api: Api, receiver: Receiver) -> None:
    await add_webhook(api, receiver)
    await hold_one(api, await api.cinema(), await api.sign_up())
    await api.work()
    changes = (await api.call("GET", "/changes", who=await api.admin())).json["items"]
    [held] = receiver.received
    assert [each["id"] for each in changes if each["type"] == "reservation.held"] == [held.id]


async def test_only_the_events_that_a_webhook_wants_are_sent_and_none_while_it_is_inactive(
    api: Api, receiver: Receiver
) -> None:
    webhook = await add_webhook(api, receiver, ["reservation.confirmed"])
    cinema, person = await api.cinema(), await api.sign_up()
    first, second = [await hold_one(api, cinema, person, seat) for seat in (0, 1)]
    await api.confirm(person, first)
    await api.work()
    assert types_of(receiver.received) == ["reservation.confirmed"]
    body = {"url": receiver.url, "events": ["reservation.confirmed"], "active": False}
    await call(api, "PUT", f"/webhooks/{webhook['id']}", body)
    await api.confirm(person, second)
    await api.work()
    assert len(receiver.received) == 1
    assert len(await deliveries_of(api, webhook)) == 1


async def test_a_failed_delivery_is_repeated_with_the_same_id_and_growing_delays(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.answers.extend([500, 503, 429, 302])
    await hold_one(api, await api.cinema(), await api.sign_up())
    for attempt, delay_s in enumerate(DELAYS_S[:4], start=1):
        await api.work()
        [row] = await db.fetch(
            "select attempts, status, extract(epoch from next_attempt_at - now())::float8 as wait_s"
            " from deliveries where channel = 'webhook'"
        )
        assert (row["attempts"], row["status"]) == (attempt, "pending")
        # Less the time that the test has taken since; a delay is longer than the one before by more than the jitter.
        assert row["wait_s"] <= delay_s * (1 + JITTER)
        await make_due(db)
    await api.work()
    [delivery] = await deliveries_of(api, webhook)
    assert (delivery["status"], delivery["attempts"], delivery["last_error"]) == ("delivered", 5, None)
    assert len(receiver.received) == 5
    assert {each.id for each in receiver.received} == {delivery["message_id"]}
    assert await db.fetchval("select failing_since from webhooks") is None


def test_delays_grow_to_a_day_in_all() -> None:
    assert [*DELAYS_S] == sorted(DELAYS_S)
    assert 18 * 3600 < sum(DELAYS_S) * (1 - JITTER) < sum(DELAYS_S) * (1 + JITTER) < 30 * 3600


async def test_later_events_of_a_reservation_wait_and_those_of_others_do_not(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    await add_webhook(api, receiver)
    receiver.answers.append(500)
    cinema, person = await api.cinema(), await api.sign_up()
    first = await hold_one(api, cinema, person, 0)
    await api.work()
    await api.confirm(person, first)
    second = await hold_one(api, cinema, person, 1)
    await api.work()
    assert [each.reservation_id for each in receiver.received] == [first, second]
    await make_due(db)
    await api.work()
    of_first = [each for each in receiver.received if each.reservation_id == first]
    assert types_of(of_first) == ["reservation.held", "reservation.held", "reservation.confirmed"]


async def test_a_receiver_that_is_gone_disables_its_webhook_at_once(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.answers.append(410)
    cinema, person = await api.cinema(), await api.sign_up()
    first = await hold_one(api, cinema, person)
    await api.work()
    found = (await call(api, "GET", f"/webhooks/{webhook['id']}")).json
    assert (found["active"], found["disabled_reason"]) == (False, "gone")
    entry = await db.fetchrow("select user_id, subject from change_log where action = 'disable_webhook'")
    assert entry is not None
    assert (entry["user_id"], entry["subject"]) == (None, f"webhook/{webhook['id']}")
    await api.confirm(person, first)
    await api.work()
    assert len(receiver.received) == 1
    [dead] = await deliveries_of(api, webhook)
    assert (dead["status"], dead["last_status_code"]) == ("dead", 410)


async def _two_that_wait(api: Api, receiver: Receiver) -> tuple[Cinema, Person]:
    """Two deliveries that wait for their next attempts."""
    cinema, person = await api.cinema(), await api.sign_up()
    receiver.answers.extend([500, 500])
    for seat in (0, 1):
        await hold_one(api, cinema, person, seat)
    await api.work()
    return cinema, person


async def test_what_waits_for_a_webhook_that_is_gone_is_given_up_at_once(api: Api, receiver: Receiver) -> None:
    webhook = await add_webhook(api, receiver)
    cinema, person = await _two_that_wait(api, receiver)
    receiver.answers.append(410)
    await hold_one(api, cinema, person, 2)
    await api.work()
    found = await deliveries_of(api, webhook)
    assert [each["status"] for each in found] == ["dead"] * 3
    assert [each["last_error"] for each in found] == ["HTTP status 410", *["The webhook is not active."] * 2]
    assert len((await call(api, "GET", "/dead-letters")).json["items"]) == 3


async def test_what_waits_for_a_webhook_that_is_made_inactive_is_given_up_except_tests(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    await _two_that_wait(api, receiver)
    await call(api, "POST", f"/webhooks/{webhook['id']}/test")
    body = {"url": receiver.url, "events": RESERVATIONS, "active": False}
    assert (await call(api, "PUT", f"/webhooks/{webhook['id']}", body)).status == 200
    found = await deliveries_of(api, webhook)
    assert [each["status"] for each in found] == ["pending", "dead", "dead"]
    assert await db.fetchval("select count(*) from change_log where subject = $1", f"delivery/{found[1]['id']}") == 0
    await api.work()
    assert types_of(receiver.received)[2:] == ["webhook.test"]


async def test_a_delivery_that_fails_after_its_webhook_was_made_inactive_is_given_up(
    api: Api, receiver: Receiver
) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.go_on = asyncio.Event()
    receiver.answers.append(500)
    await hold_one(api, await api.cinema(), await api.sign_up())
    work = asyncio.create_task(api.work())
    await receiver.wait_until(lambda: len(receiver.received) == 1)
    body = {"url": receiver.url, "events": RESERVATIONS, "active": False}
    await call(api, "PUT", f"/webhooks/{webhook['id']}", body)
    [under_way] = await deliveries_of(api, webhook)
    assert under_way["status"] == "pending"
    receiver.go_on.set()
    await work
    [ended] = await deliveries_of(api, webhook)
    assert (ended["status"], ended["last_error"], len(receiver.received)) == ("dead", "HTTP status 500", 1)


async def test_a_webhook_is_disabled_after_a_day_without_success(api: Api, receiver: Receiver, db: Connection) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.answers.extend([500] * 20)
    cinema, person = await api.cinema(), await api.sign_up()
    await hold_one(api, cinema, person, 0)
    await api.work()
    assert (await call(api, "GET", f"/webhooks/{webhook['id']}")).json["active"]
    await db.execute("update webhooks set failing_since = failing_since - interval '23 hours'")
    await make_due(db)
    await api.work()
    assert (await call(api, "GET", f"/webhooks/{webhook['id']}")).json["active"]
    await db.execute("update webhooks set failing_since = failing_since - interval '2 hours'")
    await make_due(db)
    await api.work()
    found = (await call(api, "GET", f"/webhooks/{webhook['id']}")).json
    assert (found["active"], found["disabled_reason"]) == (False, "failing")
    assert found["disabled_at"] is not None
    # Nothing is tried again.
    [delivery] = await deliveries_of(api, webhook)
    assert (delivery["status"], delivery["last_error"]) == ("dead", "HTTP status 500")
    await make_due(db)
    await api.work()
    assert len(receiver.received) == 3


async def test_the_last_attempt_ends_in_a_dead_letter_and_disables_the_webhook(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.answers.extend([500] * 20)
    await hold_one(api, await api.cinema(), await api.sign_up())
    for _ in range(len(DELAYS_S)):
        await api.work()
        await make_due(db)
    await db.execute("update webhooks set failing_since = failing_since - interval '19 hours'")
    await api.work()
    assert len(receiver.received) == len(DELAYS_S) + 1
    [dead] = (await call(api, "GET", "/dead-letters")).json["items"]
    assert (dead["webhook_id"], dead["status"], dead["last_error"]) == (webhook["id"], "dead", "HTTP status 500")
    assert (await call(api, "GET", f"/webhooks/{webhook['id']}")).json["disabled_reason"] == "failing"

    path = f"/dead-letters/{dead['id']}/retry"
    refused = await call(api, "POST", path)
    assert (refused.status, refused.code) == (409, "webhook_inactive")
    await call(api, "PUT", f"/webhooks/{webhook['id']}", {"url": receiver.url, "events": RESERVATIONS})
    again = await call(api, "POST", path)
    assert (again.status, again.json["status"], again.json["attempts"]) == (200, "pending", 0)
    receiver.answers.clear()
    await api.work()
    assert (await call(api, "GET", "/dead-letters")).json["items"] == []
    assert {each.id for each in receiver.received} == {dead["message_id"]}


async def test_a_webhook_that_accepts_others_is_not_disabled_by_a_dead_letter(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    cinema, person = await api.cinema(), await api.sign_up()
    receiver.answers.append(500)
    await hold_one(api, cinema, person, 0)
    await api.work()
    await hold_one(api, cinema, person, 1)
    await api.work()
    await db.execute(
        "update deliveries set attempts = $1 where status = 'pending' and channel = 'webhook'", len(DELAYS_S)
    )
    receiver.answers.append(500)
    await make_due(db)
    await api.work()
    assert (await call(api, "GET", f"/webhooks/{webhook['id']}")).json["active"]
    assert len(await deliveries_of(api, webhook, status="dead")) == 1


async def test_a_receiver_that_hangs_does_not_delay_the_others(api: Api) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    async with receiving(go_on=asyncio.Event()) as slow, receiving() as fast:
        for _ in range(9):
            await add_webhook(api, fast)
        await add_webhook(api, slow)
        for seat in range(8):
            await hold_one(api, cinema, person, seat)
        work = asyncio.create_task(api.work())
        await fast.wait_until(lambda: len(fast.received) == 9 * 8)
        await slow.wait_until(lambda: len(slow.received) == AT_ONCE_TO_ONE)
        assert not work.done()
        assert slow.go_on is not None
        slow.go_on.set()
        await work
        assert (len(slow.received), slow.most_at_once) == (8, AT_ONCE_TO_ONE)


async def test_after_a_failure_one_delivery_at_a_time_is_tried(api: Api, db: Connection) -> None:
    cinema, person = await api.cinema(), await api.sign_up()
    async with receiving() as receiver:
        await add_webhook(api, receiver)
        receiver.answers.append(500)
        await hold_one(api, cinema, person, 0)
        await api.work()
        for seat in range(1, 6):
            await hold_one(api, cinema, person, seat)
        receiver.most_at_once = 0
        receiver.answers.extend([500] * 5)
        await api.work()
        assert (len(receiver.received), receiver.most_at_once) == (6, 1)


async def test_what_was_answered_but_not_noted_is_repeated_with_the_same_id(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    """A worker that is killed between the receiver's answer and the note of it leaves a claim, which ends."""
    webhook = await add_webhook(api, receiver)
    receiver.go_on = asyncio.Event()
    await hold_one(api, await api.cinema(), await api.sign_up())
    work = BackgroundWork.of(api.client.app)
    killed = asyncio.create_task(work.run_due())
    await receiver.wait_until(lambda: len(receiver.received) == 1)
    killed.cancel()
    for task in [task for channel in work.channels for task in channel._running]:
        task.cancel()
    await work.close()
    receiver.go_on.set()
    await api.work()
    assert len(receiver.received) == 1  # the claim has not ended
    await make_due(db)
    await api.work()
    assert len(receiver.received) == 2
    assert len({each.id for each in receiver.received}) == 1
    [delivery] = await deliveries_of(api, webhook)
    assert (delivery["status"], delivery["attempts"]) == ("delivered", 2)


async def test_a_test_is_sent_once_also_to_an_inactive_webhook(api: Api, receiver: Receiver, db: Connection) -> None:
    webhook = await api.make("/admin/webhooks", {"url": receiver.url, "events": ["reservation.held"], "active": False})
    path = f"/webhooks/{webhook['id']}"
    receiver.answers.append(500)
    sent = await call(api, "POST", f"{path}/test")
    assert (sent.status, sent.json["status"], sent.json["kind"]) == (202, "pending", "webhook.test")
    await api.work()
    [failed] = await deliveries_of(api, webhook)
    assert (failed["status"], failed["last_error"]) == ("dead", "HTTP status 500")
    assert (await call(api, "GET", "/dead-letters")).json["items"] == []
    again = await call(api, "POST", f"{path}/deliveries/{failed['id']}/retry")
    assert (again.status, again.json["status"]) == (200, "pending")
    await api.work()
    assert [each.verified(webhook["secret"])["type"] for each in receiver.received] == ["webhook.test"] * 2
    assert {each.id for each in receiver.received} == {f"test-{failed['id']}"}
    assert await db.fetchval("select failing_since from webhooks") is None


async def test_a_delivery_that_was_made_is_sent_again_on_request(api: Api, receiver: Receiver) -> None:
    webhook = await add_webhook(api, receiver)
    await hold_one(api, await api.cinema(), await api.sign_up())
    await api.work()
    [delivery] = await deliveries_of(api, webhook)
    path = f"/webhooks/{webhook['id']}/deliveries/{delivery['id']}/retry"
    answers = await asyncio.gather(*(call(api, "POST", path) for _ in range(4)))
    assert {(answer.status, answer.json["status"]) for answer in answers} == {(200, "pending")}
    await api.work()
    assert [each.id for each in receiver.received] == [delivery["message_id"]] * 2


async def test_a_delivery_whose_next_attempt_is_near_is_sent_again_at_once(api: Api, receiver: Receiver) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.answers.append(500)
    await hold_one(api, await api.cinema(), await api.sign_up())
    await api.work()
    [waiting] = await deliveries_of(api, webhook)
    again = await call(api, "POST", f"/webhooks/{webhook['id']}/deliveries/{waiting['id']}/retry")
    assert (again.json["status"], again.json["waits_for"]) == ("pending", None)
    assert again.json["next_attempt_at"] < waiting["next_attempt_at"]
    await api.work()
    [sent] = await deliveries_of(api, webhook)
    assert (sent["status"], sent["attempts"], len(receiver.received)) == ("delivered", 2, 2)


async def test_a_delivery_that_is_under_way_is_not_sent_again_beside_it(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.go_on = asyncio.Event()
    await hold_one(api, await api.cinema(), await api.sign_up())
    work = asyncio.create_task(api.work())
    await receiver.wait_until(lambda: len(receiver.received) == 1)
    [claimed] = await deliveries_of(api, webhook)
    path = f"/webhooks/{webhook['id']}/deliveries/{claimed['id']}/retry"
    assert (await call(api, "POST", path)).json["next_attempt_at"] == claimed["next_attempt_at"]
    await db.execute("update deliveries set claimed_until = now() where channel = 'webhook'")
    assert (await call(api, "POST", path)).json["next_attempt_at"] < claimed["next_attempt_at"]
    receiver.go_on.set()
    await work


async def test_a_delivery_that_is_sent_again_tells_the_earlier_one_that_it_waits_for(
    api: Api, receiver: Receiver
) -> None:
    webhook = await add_webhook(api, receiver)
    receiver.answers.append(500)
    person = await api.sign_up()
    reservation_id = await hold_one(api, await api.cinema(), person)
    await api.confirm(person, reservation_id)
    await api.work()
    later, earlier = await deliveries_of(api, webhook)
    assert [later["waits_for"], earlier["waits_for"]] == [earlier["id"], None]
    path = f"/webhooks/{webhook['id']}/deliveries"
    assert (await call(api, "POST", f"{path}/{later['id']}/retry")).json["waits_for"] == earlier["id"]
    await api.work()
    assert len(receiver.received) == 1
    await call(api, "POST", f"{path}/{earlier['id']}/retry")
    await api.work()
    assert types_of(receiver.received) == ["reservation.held", "reservation.held", "reservation.confirmed"]
    assert {each["waits_for"] for each in await deliveries_of(api, webhook)} == {None}


async def test_racing_retries_of_a_dead_letter_send_it_once(api: Api, receiver: Receiver, db: Connection) -> None:
    await add_webhook(api, receiver)
    receiver.answers.append(500)
    await hold_one(api, await api.cinema(), await api.sign_up())
    await api.work()
    await give_up(db)
    [dead] = (await call(api, "GET", "/dead-letters")).json["items"]
    path = f"/dead-letters/{dead['id']}/retry"
    works = [call(api, "POST", path) for _ in range(4)]
    assert {answer.status for answer in await asyncio.gather(*works)} == {200}
    await asyncio.gather(api.work(), api.work(), call(api, "POST", path))
    await api.work()
    assert len(receiver.received) == 2
    assert (await call(api, "POST", path)).json["status"] == "delivered"


async def test_dead_letters_are_listed_by_channel_in_pages(api: Api, receiver: Receiver, db: Connection) -> None:
    webhook = await add_webhook(api, receiver)
    cinema, person = await api.cinema(), await api.sign_up()
    for seat in range(3):
        await hold_one(api, cinema, person, seat)
    receiver.answers.extend([500] * 3)
    await api.work()
    await give_up(db)
    await db.execute(
        "insert into deliveries (channel, kind, user_id, status, ended_at, attempts)"
        " values ('mail', 'confirmation', $1, 'dead', now(), 10)",
        person.id,
    )
    listed = (await call(api, "GET", "/dead-letters")).json["items"]
    assert [each["channel"] for each in listed] == ["mail", "webhook", "webhook", "webhook"]
    assert [each["id"] for each in listed] == sorted((each["id"] for each in listed), reverse=True)
    [mail] = (await call(api, "GET", "/dead-letters?channel=mail")).json["items"]
    assert (mail["user_id"], mail["webhook_id"], mail["kind"]) == (person.id, None, "confirmation")
    page = (await call(api, "GET", "/dead-letters?channel=webhook&limit=2")).json
    rest = (await call(api, "GET", f"/dead-letters?channel=webhook&limit=2&cursor={page['next_cursor']}")).json
    assert [each["id"] for each in [*page["items"], *rest["items"]]] == [each["id"] for each in listed[1:]]
    assert (await call(api, "GET", "/dead-letters?channel=fax")).status == 422

    again = await call(api, "POST", f"/dead-letters/{mail['id']}/retry")
    assert (again.json["status"], again.json["attempts"]) == ("pending", 0)
    await call(api, "DELETE", f"/webhooks/{webhook['id']}")
    assert (await call(api, "GET", "/dead-letters")).json["items"] == []
    assert (await call(api, "POST", f"/dead-letters/{listed[1]['id']}/retry")).status == 404


async def test_deliveries_of_another_webhook_are_not_found(api: Api, receiver: Receiver) -> None:
    webhook, other = [await add_webhook(api, receiver) for _ in range(2)]
    sent = (await call(api, "POST", f"/webhooks/{webhook['id']}/test")).json
    assert (await call(api, "POST", f"/webhooks/{other['id']}/deliveries/{sent['id']}/retry")).status == 404
    assert await deliveries_of(api, other) == []
    assert (await call(api, "GET", "/webhooks/4711/deliveries")).status == 404
    await api.work()


async def test_what_a_deleted_webhook_had_left_is_not_sent(api: Api, receiver: Receiver, db: Connection) -> None:
    webhook = await add_webhook(api, receiver)
    await hold_one(api, await api.cinema(), await api.sign_up())
    receiver.answers.append(500)
    await api.work()
    await call(api, "DELETE", f"/webhooks/{webhook['id']}")
    await make_due(db)
    await api.work()
    assert len(receiver.received) == 1
    assert await db.fetchval("select status from deliveries where channel = 'webhook'") == "dead"


async def test_an_address_that_is_private_is_refused_at_the_delivery(api: Api, db: Connection) -> None:
    async with receiving() as receiver:
        webhook = await add_webhook(api, receiver)
        port = receiver.url.split(":")[2].partition("/")[0]
        await db.execute("update webhooks set url = $1", f"http://[::1]:{port}/")
        await hold_one(api, await api.cinema(), await api.sign_up())
        await api.work()
        [delivery] = await deliveries_of(api, webhook)
        assert delivery["status"] == "pending"
        assert delivery["last_error"] == NOT_ALLOWED.format(host="::1")
        assert receiver.received == []


async def test_after_a_new_secret_deliveries_have_a_signature_by_the_old_one_for_a_day(
    api: Api, receiver: Receiver, db: Connection
) -> None:
    webhook = await add_webhook(api, receiver)
    path = f"/webhooks/{webhook['id']}"
    new = (await call(api, "POST", f"{path}/secret")).json["secret"]
    await call(api, "POST", f"{path}/test")
    await api.work()
    assert receiver.received[0].verified(new) == receiver.received[0].verified(webhook["secret"])
    await db.execute("update webhook_secrets set replaced_at = replaced_at - interval '25 hours'")
    await call(api, "POST", f"{path}/test")
    await api.work()
    assert receiver.received[1].verified(new)["type"] == "webhook.test"
    assert len(receiver.received[1].headers["webhook-signature"].split(" ")) == 1
