"""Deliveries: claimed once, in order for a reservation, retried, and given up."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from reservation.db.repository.deliveries import Delivery
from reservation.http.app_keys import DATABASE
from reservation.outbox import cleanup
from reservation.outbox.deliveries import CLAIM_S, DeliveryChannel, DeliveryFailed
from reservation.outbox.relay import Relay
from tests.api import Api, Connection
from tests.figures import figures, growth

LOG = structlog.stdlib.get_logger("tests")
INSERT = "insert into deliveries (channel, kind, reservation_id) values ('mail', $1, $2)"
DUE = "update deliveries set next_attempt_at = now() where status = 'pending'"


class Receiver:
    """Notes what it is given, and answers as it is told."""

    def __init__(self, api: Api, refuse: Callable[[Delivery], DeliveryFailed | None] = lambda _: None) -> None:
        self.kinds: list[str] = []
        self.refuse = refuse
        self.channel = DeliveryChannel(
            api.client.app[DATABASE], "mail", self.deliver, LOG, at_once=8, delays_s=(5.0, 60.0)
        )

    async def deliver(self, delivery: Delivery) -> int | None:
        self.kinds.append(delivery.kind)
        failure = self.refuse(delivery)
        if failure is not None:
            raise failure
        return 250


async def state(db: Connection) -> list[tuple[str, str, int, str | None]]:
    """Kind, status, attempts and error of each delivery."""
    rows = await db.fetch("select kind, status, attempts, last_error from deliveries order by id")
    return [(row["kind"], row["status"], row["attempts"], row["last_error"]) for row in rows]


async def pending_times(db: Connection) -> set[datetime]:
    """When those that wait are due."""
    rows = await db.fetch("select next_attempt_at from deliveries where status = 'pending'")
    return {row["next_attempt_at"] for row in rows}


async def due_of(db: Connection, kind: str) -> datetime:
    """When one of this kind is due."""
    due: datetime = await db.fetchval("select next_attempt_at from deliveries where kind = $1", kind)
    return due


async def test_deliveries_of_a_reservation_are_made_in_order_also_when_one_fails(api: Api, db: Connection) -> None:
    one, other = uuid4(), uuid4()
    for kind, reservation_id in (("a1", one), ("b1", other), ("a2", one), ("b2", other)):
        await db.execute(INSERT, kind, reservation_id)
    failing = {"a1"}
    receiver = Receiver(api, lambda each: DeliveryFailed("away", status_code=451) if each.kind in failing else None)
    await receiver.channel.run_due()
    assert receiver.kinds[:1] == ["a1"]
    assert "a2" not in receiver.kinds
    assert [each for each in receiver.kinds if each.startswith("b")] == ["b1", "b2"]
    failing.clear()
    await db.execute(DUE)
    await receiver.channel.run_due()
    assert [each for each in receiver.kinds if each.startswith("a")] == ["a1", "a1", "a2"]
    assert {each[1] for each in await state(db)} == {"delivered"}


async def test_what_waits_for_a_postponed_delivery_is_due_with_it(api: Api, db: Connection) -> None:
    one, other = uuid4(), uuid4()
    for kind, reservation_id in (("a1", one), ("a2", one), ("a3", one), ("b1", other), ("c1", None)):
        await db.execute(INSERT, kind, reservation_id)
    receiver = Receiver(api, lambda each: DeliveryFailed("away") if each.kind == "a1" else None)
    await receiver.channel.run_due()
    assert sorted(receiver.kinds) == ["a1", "b1", "c1"]
    # A claim looks at what is due: nothing, although two of the three have not been tried.
    assert (
        await db.fetchval("select count(*) from deliveries where status = 'pending' and next_attempt_at <= now()") == 0
    )
    assert len(await pending_times(db)) == 1


async def test_what_waits_for_a_postponed_delivery_is_due_when_that_has_ended(api: Api, db: Connection) -> None:
    """At once, also where it was sent again before its time."""
    one = uuid4()
    for kind in ("a1", "a2", "a3"):
        await db.execute(INSERT, kind, one)
    failing = {"a1"}
    receiver = Receiver(api, lambda each: DeliveryFailed("away") if each.kind in failing else None)
    await receiver.channel.run_due()
    await db.execute("update deliveries set next_attempt_at = now() + interval '5 hours'")
    await db.execute("update deliveries set next_attempt_at = now() where kind = 'a1'")
    failing.clear()
    await receiver.channel.run_due()
    assert receiver.kinds == ["a1", "a1", "a2", "a3"]


async def test_only_later_deliveries_to_the_same_receiver_are_postponed(api: Api, db: Connection) -> None:
    one = uuid4()
    for kind in ("a1", "a2"):
        await db.execute(INSERT, kind, one)
    await db.execute(
        "insert into deliveries (channel, kind, webhook_id, reservation_id) values ('webhook', 'w1', 4711, $1)", one
    )
    failing = {"a2"}
    receiver = Receiver(api, lambda each: DeliveryFailed("away") if each.kind in failing else None)
    await receiver.channel.run_due()
    assert receiver.kinds == ["a1", "a2"]
    await db.execute(
        "update deliveries set status = 'pending', ended_at = null, next_attempt_at = now() where kind = 'a1'"
    )
    before = await due_of(db, "w1"), await due_of(db, "a2")
    failing.add("a1")
    await receiver.channel.run_due()
    assert (await due_of(db, "w1"), await due_of(db, "a2") > before[1]) == (before[0], True)
    # The later one that was tried keeps its own time if that is later, and when the earlier one is made.
    await db.execute("update deliveries set next_attempt_at = now() + interval '5 hours' where kind = 'a2'")
    await db.execute("update deliveries set next_attempt_at = now() where kind = 'a1'")
    before = await due_of(db, "w1"), await due_of(db, "a2")
    await receiver.channel.run_due()
    failing.clear()
    await db.execute("update deliveries set next_attempt_at = now() where kind = 'a1'")
    await receiver.channel.run_due()
    assert (await due_of(db, "w1"), await due_of(db, "a2")) == before


async def test_a_delivery_is_retried_with_growing_delays_and_then_given_up(api: Api, db: Connection) -> None:
    await db.execute(INSERT, "a", None)
    receiver = Receiver(api, lambda _: DeliveryFailed("away"))
    for attempts, least_s, most_s in ((1, 4, 6), (2, 48, 72)):
        await receiver.channel.run_due()
        assert await state(db) == [("a", "pending", attempts, "away")]
        left_s = await db.fetchval("select extract(epoch from next_attempt_at - now())::float8 from deliveries")
        assert least_s - 3 < left_s < most_s, left_s
        await db.execute(DUE)
    await receiver.channel.run_due()
    assert await state(db) == [("a", "dead", 3, "away")]
    await db.execute("update deliveries set next_attempt_at = now()")
    assert await receiver.channel.run_due() == 0


async def test_a_permanent_failure_is_given_up_at_once_and_a_defect_is_retried(api: Api, db: Connection) -> None:
    await db.execute(INSERT, "a", None)
    await db.execute(INSERT, "b", None)

    def refuse(delivery: Delivery) -> DeliveryFailed | None:
        if delivery.kind == "b":
            raise ZeroDivisionError
        return DeliveryFailed("no such box", status_code=550, is_permanent=True)

    await Receiver(api, refuse).channel.run_due()
    assert await state(db) == [
        ("a", "dead", 1, "no such box"),
        ("b", "pending", 1, "an internal error, which the log tells"),
    ]


async def test_a_claim_that_has_ended_is_made_again_and_its_late_outcome_ignored(api: Api, db: Connection) -> None:
    await db.execute(INSERT, "a", None)
    at_it, go_on = asyncio.Event(), asyncio.Event()
    slow, quick = Receiver(api), Receiver(api)

    async def hang(delivery: Delivery) -> int | None:
        at_it.set()
        await go_on.wait()
        raise DeliveryFailed("too late", is_permanent=True)

    slow.channel = DeliveryChannel(api.client.app[DATABASE], "mail", hang, LOG, at_once=1)
    hanging = asyncio.create_task(slow.channel.run_due())
    await at_it.wait()
    assert await quick.channel.run_due() == 0
    left_s = await db.fetchval("select extract(epoch from next_attempt_at - now())::float8 from deliveries")
    assert CLAIM_S - 60 < left_s <= CLAIM_S
    await db.execute(DUE)
    assert await quick.channel.run_due() == 1
    go_on.set()
    await hanging
    assert quick.kinds == ["a"]
    assert await state(db) == [("a", "delivered", 2, None)]


async def test_events_and_attempts_are_counted_and_what_waits_is_measured(api: Api, db: Connection) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    await db.execute("delete from deliveries")  # the mails to those who have signed up
    await db.execute(INSERT, "a", None)
    await db.execute(INSERT, "b", None)
    await cleanup.measure(api.client.app[DATABASE])
    found = await figures(api)
    assert found['reservation_outbox_waiting{queue="outbox"}'] == 1
    assert found['reservation_outbox_waiting{queue="mail"}'] == 2
    assert found['reservation_outbox_delay_seconds{queue="mail"}'] > 0
    await Relay(api.client.app[DATABASE], ()).move()
    await Receiver(api, lambda each: DeliveryFailed("away") if each.kind == "b" else None).channel.run_due()
    grown = await growth(api, found)
    assert grown["reservation_events_total"] == 1
    assert grown['reservation_delivery_attempts_total{channel="mail",outcome="delivered"}'] == 1
    assert grown['reservation_delivery_attempts_total{channel="mail",outcome="pending"}'] == 1
    assert grown["reservation_delivery_attempt_seconds_count"] == 2


async def test_many_processes_make_each_delivery_once(api: Api, db: Connection) -> None:
    await db.executemany(INSERT, [(str(number), UUID(int=number % 7)) for number in range(200)])
    receivers = [Receiver(api) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for each in receivers:
            group.create_task(each.channel.run_due())
    # A process ends its look when what is left is claimed by others; one more finds the rest.
    await receivers[0].channel.run_due()
    made = [kind for each in receivers for kind in each.kinds]
    assert sorted(made, key=int) == [str(number) for number in range(200)]
