"""The webhooks of the OpenAPI document: all types of events, each as it is really sent."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from reservation.app import TABLES
from reservation.db.repository import reservations
from reservation.http.app_keys import DATABASE
from reservation.http.openapi.document import document
from reservation.outbox.event_types import EVENT_TYPES, TEST_EVENT
from tests.api import Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.documented import Document
from tests.payments.sales import external_sale
from tests.tickets.sold import check_in, tickets
from tests.webhooks.receiver import LOOPBACK, receiving

ROOT = Path(__file__).parents[2]
EVENT_TYPE = re.compile(r"(?<!_setting\()'((?:reservation|payment|showtime|ticket)\.[a-z_]+)'")


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(TABLES, version="1", currency="USD", max_body_bytes=4096)


def test_each_type_of_event_has_an_entry(made: dict[str, Any]) -> None:
    assert made["webhooks"].keys() == {*EVENT_TYPES, TEST_EVENT}


def test_each_type_that_a_statement_writes_has_an_entry(made: dict[str, Any]) -> None:
    texts = [path.read_text() for folder in ("sql", "migrations") for path in (ROOT / folder).rglob("*.sql")]
    written = {name for text in texts if "insert into outbox" in text for name in EVENT_TYPE.findall(text)}
    assert len(written) > 5
    assert written <= made["webhooks"].keys()


def test_an_entry_has_the_headers_of_standard_webhooks_and_says_which_answers_accept(made: dict[str, Any]) -> None:
    for event_type, methods in made["webhooks"].items():
        request = methods["post"]
        assert {each["name"] for each in request["parameters"] if each["in"] == "header" and each["required"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }
        assert {"2XX", "410", "default"} == request["responses"].keys()
        name = request["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert made["components"]["schemas"][name]["properties"]["type"]["const"] == event_type


async def expire_one(api: Api, db: Connection, cinema: Cinema, who: Person) -> None:
    """A hold that expires."""
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[8:9])
    await db.execute(
        "update reservations set created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'"
        " where id = $1::uuid",
        held.json["id"],
    )
    async with api.client.app[DATABASE].connection() as conn:
        await reservations.expire_holds(conn, first_id=UUID(int=0), age_s=0, margin_s=60, row_limit=10)


async def cause_all_events(api: Api, db: Connection) -> None:
    """An event of each type."""
    admin, sale = await api.admin(), await external_sale(api, seats=3)
    cinema = sale.cinema
    path = f"/reservations/{sale.reservation_id}"
    await api.call("POST", f"{path}/cancel", {"seat_ids": cinema.seat_ids[2:3]}, who=sale.customer)
    [ticket, *_] = await tickets(api, sale.customer, sale.reservation_id)
    assert (await check_in(api, admin, ticket["code"])).status == 200
    held = await api.hold(sale.customer, cinema.showtime_id, cinema.seat_ids[5:6])
    await api.cancel(sale.customer, held.json["id"])
    await expire_one(api, db, cinema, sale.customer)
    moved = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "12.50", **slot(30)}
    put = await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}?force=true", moved, who=admin)
    assert put.status == 200, put.text
    called_off = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(80))
    await api.call("POST", f"/admin/showtimes/{called_off}/cancel", {"reason": "No current."}, who=admin)


async def test_an_event_of_each_type_is_sent_as_documented(
    start_api: StartApi, made: dict[str, Any], db: Connection
) -> None:
    api = await start_api(PAYMENT_PROVIDER="external", WEBHOOK_ALLOWED_NETWORKS=LOOPBACK)
    checked = Document(deepcopy(made))
    async with receiving() as receiver:
        webhook = await api.make("/admin/webhooks", {"url": receiver.url, "events": [*EVENT_TYPES]})
        await cause_all_events(api, db)
        await api.call("POST", f"/admin/webhooks/{webhook['id']}/test", who=await api.admin())
        await api.work()
        assert {each.type for each in receiver.received} == {*EVENT_TYPES, TEST_EVENT}
        for each in receiver.received:
            checked.check_webhook(each.type, json.loads(each.text))
            for parameter in made["webhooks"][each.type]["post"]["parameters"]:
                assert re.search(parameter["schema"].get("pattern", "."), each.headers[parameter["name"]])


def test_a_wrong_payload_is_not_as_documented(made: dict[str, Any]) -> None:
    checked = Document(deepcopy(made))
    body = {"type": "webhook.test", "timestamp": "2030-01-31T20:00:00Z", "data": {}}
    checked.check_webhook("webhook.test", body)
    for wrong in ({"type": "reservation.held"}, {"timestamp": "yesterday"}, {"data": {"seats": 1}}, {"id": "1"}):
        with pytest.raises(AssertionError, match="not as documented"):
            checked.check_webhook("webhook.test", body | wrong)
