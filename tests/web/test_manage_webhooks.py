"""Webhooks, their deliveries and dead letters for administrators."""

import re
from collections.abc import Mapping

import pytest

from tests.api import Api, Connection
from tests.web.visitor import Visitor, visitor_of
from tests.webhooks.receiver import LOOPBACK, receiving


@pytest.fixture
def limits() -> Mapping[str, str]:
    return {"WEBHOOK_ALLOWED_NETWORKS": LOOPBACK}


async def _admin(api: Api) -> Visitor:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.admin())
    return visitor


async def _create(visitor: Visitor, url: str) -> tuple[str, str]:
    """A webhook's page and secret."""
    await visitor.open("/manage/webhooks/new")
    fields: dict[str, str | list[str] | None] = {"url": url, "events": ["reservation.held", "reservation.confirmed"]}
    page = await visitor.submit("/manage/webhooks/new", fields)
    assert (page.status, page.headers["Cache-Control"]) == (201, "no-store")
    [secret] = re.findall(r'<code class="new-key">(.+?)</code>', page.html)
    [one] = {link for link in page.links if re.search(r"webhooks/\d+$", link)}
    return one, secret


async def test_a_webhook_is_created_its_secret_shown_once_and_a_test_sent(api: Api) -> None:
    visitor = await _admin(api)
    async with receiving() as receiver:
        one, secret = await _create(visitor, receiver.url)
        page = await visitor.open("/manage/webhooks")
        assert (receiver.url in page.text, secret in page.html) == (True, False)
        assert secret not in (await visitor.open(one)).html
        page = await visitor.submit(f"{one}/test")
        assert "It is being sent." in page.text
        await api.work()
        assert receiver.received[0].verified(secret)["type"] == "webhook.test"
    page = await visitor.open(f"{one}/deliveries")
    assert {"webhook.test", "delivered"} <= set(re.findall(r"[a-z.]+", page.text))
    assert "webhook.test" not in (await visitor.submit(f"{one}/deliveries", status="dead")).text


async def test_a_new_secret_is_shown_once(api: Api) -> None:
    visitor = await _admin(api)
    one, secret = await _create(visitor, "https://receiver.example/")
    await visitor.open(one)
    page = await visitor.submit(f"{one}/secret")
    [new] = re.findall(r'<code class="new-key">(.+?)</code>', page.html)
    assert new not in {secret, *re.findall(r"whsec_\S+", (await visitor.open(one)).html)}


async def test_a_webhook_is_edited_and_deleted(api: Api) -> None:
    visitor = await _admin(api)
    one, _ = await _create(visitor, "https://receiver.example/")
    page = await visitor.open(one)
    assert page.html.count(" checked") == 3
    changed: dict[str, str | list[str] | None] = {"events": ["ticket.checked_in"], "active": None}
    page = await visitor.submit(one, changed)
    assert "Saved." in page.text
    [stored] = (await api.call("GET", "/admin/webhooks", who=await api.admin())).json["items"]
    assert (stored["events"], stored["active"]) == (["ticket.checked_in"], False)
    await visitor.open(one)
    assert "Deleted." in (await visitor.submit(f"{one}/delete")).text
    assert (await visitor.open(one)).status == 404


@pytest.mark.parametrize(("field", "value"), [("url", "https://10.0.0.1/"), ("url", "nowhere"), ("events", None)])
async def test_a_wrong_field_of_a_webhook_has_its_reason(api: Api, field: str, value: str | None) -> None:
    visitor = await _admin(api)
    await visitor.open("/manage/webhooks/new")
    fields: dict[str, str | list[str] | None] = {"url": "https://receiver.example/", "events": ["reservation.held"]}
    page = await visitor.submit("/manage/webhooks/new", fields | {field: value})
    assert (page.status, f'id="error-{field}"' in page.html) == (422, True)
    assert (await api.call("GET", "/admin/webhooks", who=await api.admin())).json["items"] == []


async def test_a_webhook_that_somebody_else_has_changed_is_not_overwritten_unseen(api: Api) -> None:
    visitor = await _admin(api)
    one, _ = await _create(visitor, "https://receiver.example/")
    await visitor.open(one)
    body = {"url": "https://other.example/", "events": ["reservation.held"]}
    await api.call("PUT", one.replace("/manage", "/admin"), body, who=await api.admin())
    page = await visitor.submit(one, url="https://mine.example/")
    assert (page.status, "https://other.example/" in page.text) == (412, True)


async def test_a_dead_letter_is_sent_again_when_its_webhook_is_active(api: Api, db: Connection) -> None:
    visitor, person, cinema = await _admin(api), await api.sign_up(), await api.cinema()
    async with receiving() as receiver:
        one, secret = await _create(visitor, receiver.url)
        receiver.answers.append(410)
        await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])
        await api.work()
        assert "Disabled, since the receiver answered that it is gone" in (await visitor.open(one)).text
        page = await visitor.open("/manage/dead-letters")
        assert "reservation.held" in page.text
        [retry] = [form.action for form in page.forms if form.action.endswith("/retry")]
        page = await visitor.submit(retry)
        assert (page.status, "The webhook is not active: make it active first." in page.text) == (409, True)
        await visitor.open(one)
        await visitor.submit(one, active="on")
        page = await visitor.open("/manage/dead-letters")
        assert "It is being sent." in (await visitor.submit(retry)).text
        await api.work()
        assert receiver.received[-1].verified(secret)["type"] == "reservation.held"
    assert "Nothing was given up." in (await visitor.open("/manage/dead-letters")).text
    for query in ("channel=mail", "channel=fax", "cursor=x"):
        assert (await visitor.open(f"/manage/dead-letters?{query}")).status == 200


async def test_a_delivery_is_sent_again(api: Api) -> None:
    visitor = await _admin(api)
    async with receiving() as receiver:
        one, _ = await _create(visitor, receiver.url)
        await visitor.open(one)
        await visitor.submit(f"{one}/test")
        await api.work()
        page = await visitor.open(f"{one}/deliveries")
        assert re.search(r"\d:\d\d:\d\d\s[AP]M UTC", page.text)  # with seconds and the zone
        assert "1 · HTTP status 204" in page.text
        [retry] = [form.action for form in page.forms if form.action.endswith("/retry")]
        await visitor.submit(retry)
        await api.work()
        assert len({each.id for each in receiver.received}) == 1
        assert len(receiver.received) == 2


async def test_a_delivery_that_waits_says_for_which_one(api: Api) -> None:
    visitor, person, cinema = await _admin(api), await api.sign_up(), await api.cinema()
    async with receiving() as receiver:
        one, _ = await _create(visitor, receiver.url)
        receiver.answers.append(500)
        held = await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])
        await api.confirm(person, held.json["id"])
        await api.work()
        page = await visitor.open(f"{one}/deliveries")
        later, earlier = [form.action for form in page.forms if form.action.endswith("/retry")]
        assert f"waits for number {earlier.split('/')[-2]}" in page.text
        assert "It is sent when the earlier delivery" in (await visitor.submit(later)).text
        assert "It is being sent." in (await visitor.submit(earlier)).text
        await api.work()
        assert len(receiver.received) == 3


async def test_only_administrators_see_these_pages(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.staff())
    for path in ("webhooks", "webhooks/new", "webhooks/1", "webhooks/1/deliveries", "dead-letters"):
        assert (await visitor.open(f"/manage/{path}")).status == 403
