"""Administrators create, replace and delete webhooks; secrets are shown once."""

import asyncio
from typing import Any

import pytest

from reservation.outbox.event_types import EVENT_TYPES
from reservation.webhooks import administration
from tests.api import Answer, Api, Connection
from tests.conftest import StartApi

URL = "https://receiver.example/events?tenant=7"
BODY = {"url": URL, "events": ["reservation.confirmed", "payment.refunded"]}


async def call(api: Api, method: str, path: str = "", body: Any = None, **rest: Any) -> Answer:
    """Call an operation as the administrator."""
    return await api.call(method, f"/admin/webhooks{path}", body, who=await api.admin(), **rest)


async def secrets_of(db: Connection, webhook_id: int) -> list[str]:
    """The stored secrets, oldest first."""
    rows = await db.fetch("select secret from webhook_secrets where webhook_id = $1 order by id", webhook_id)
    return [row["secret"] for row in rows]


async def test_a_webhook_is_created_read_replaced_and_deleted(api: Api, db: Connection) -> None:
    made = await call(api, "POST", body=BODY)
    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")
    path = f"/{made.json['id']}"
    assert made.headers["Location"] == f"/admin/webhooks{path}"
    assert made.json["secret"].startswith("whsec_")
    assert await secrets_of(db, made.json["id"]) == [made.json["secret"]]

    found = await call(api, "GET", path)
    shown = {name: value for name, value in made.json.items() if name != "secret"}
    assert (found.json, found.headers["ETag"]) == (shown, made.headers["ETag"])
    assert (await call(api, "GET")).json["items"] == [shown]

    replaced = await call(api, "PUT", path, {"url": URL, "events": [*EVENT_TYPES], "active": False})
    assert (replaced.json["events"], replaced.json["active"]) == ([*EVENT_TYPES], False)
    assert "secret" not in replaced.json
    assert (await call(api, "DELETE", path)).status == 204
    assert (await call(api, "GET", path)).status == 404
    assert await secrets_of(db, made.json["id"]) == []


async def test_a_new_secret_is_shown_once_and_the_old_ones_sign_along(api: Api, db: Connection) -> None:
    made = await call(api, "POST", body=BODY)
    path = f"/{made.json['id']}"
    secrets = [made.json["secret"]]
    for _ in range(6):
        changed = await call(api, "POST", f"{path}/secret")
        assert (changed.status, changed.headers["Cache-Control"]) == (200, "no-store")
        secrets.append(changed.json["secret"])
    assert len(set(secrets)) == 7
    assert await secrets_of(db, made.json["id"]) == secrets[-5:]
    assert changed.headers["ETag"] == (await call(api, "GET", path)).headers["ETag"] != made.headers["ETag"]

    await db.execute("update webhook_secrets set replaced_at = replaced_at - interval '25 hours'")
    last = await call(api, "POST", f"{path}/secret")
    assert await secrets_of(db, made.json["id"]) == [secrets[-1], last.json["secret"]]
    assert (await call(api, "POST", "/4711/secret")).status == 404


async def test_no_secret_is_in_the_change_log(api: Api, db: Connection) -> None:
    made = await call(api, "POST", body=BODY)
    await call(api, "POST", f"/{made.json['id']}/secret")
    secrets = await secrets_of(db, made.json["id"])
    rows = await db.fetch("select action, before::text || after::text as text, after from change_log order by id")
    assert [row["action"] for row in rows] == ["create_webhook", "replace_webhook_secret"]
    assert not [row for row in rows if any(secret[6:] in f"{row['text']}{row['after']}" for secret in secrets)]


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/",
        "https://127.0.0.1/",
        "https://10.0.0.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.1.1/",
        "https://receiver.example:99999/",
        "https://receiver.example:0/",
        "https://receiver.example/#x",
        "https://user:secret@receiver.example/",
        "ftp://receiver.example/",
        "receiver.example",
        "https://[::1]/",
    ],
)
async def test_a_url_to_which_nothing_could_be_sent_is_422(api: Api, url: str) -> None:
    made = await call(api, "POST", body=BODY)
    for method, path in (("POST", ""), ("PUT", f"/{made.json['id']}")):
        answer = await call(api, method, path, BODY | {"url": url})
        assert (answer.status, answer.code) == (422, "validation_error"), answer.text
        assert [error["pointer"] for error in answer.json["errors"]] == ["/url"]
    assert [each["url"] for each in (await call(api, "GET")).json["items"]] == [URL]


async def test_an_allowed_network_lets_an_address_and_plain_http_in(start_api: StartApi) -> None:
    api = await start_api(WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8")
    for url in ("http://127.0.0.1:9/x", "https://127.0.0.1/", "http://till.intern/"):
        assert (await call(api, "POST", body=BODY | {"url": url})).status == 201
    assert (await call(api, "POST", body=BODY | {"url": "http://10.0.0.1/"})).status == 422
    refused = await call(api, "POST", body=BODY | {"url": "http://93.184.215.14/"})
    assert (refused.status, "Must begin with https://" in refused.text) == (422, True)


@pytest.mark.parametrize(
    "events", [[], ["reservation.sold"], ["webhook.test"], ["reservation.held"] * 2, "reservation.held"]
)
async def test_events_are_of_the_known_types_each_once(api: Api, events: Any) -> None:
    answer = await call(api, "POST", body=BODY | {"events": events})
    assert (answer.status, answer.code) == (422, "validation_error")


async def test_only_administrators_manage_webhooks(api: Api) -> None:
    made = await call(api, "POST", body=BODY)
    for who in (await api.staff(), await api.sign_up()):
        for method, path, body in (
            ("GET", "", None),
            ("POST", "", BODY),
            ("GET", f"/{made.json['id']}", None),
            ("PUT", f"/{made.json['id']}", BODY),
            ("DELETE", f"/{made.json['id']}", None),
            ("POST", f"/{made.json['id']}/secret", None),
        ):
            answer = await api.call(method, f"/admin/webhooks{path}", body, who=who)
            assert (answer.status, answer.code) == (403, "forbidden")


async def test_racing_creations_stay_within_the_number(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "MOST_WEBHOOKS", 3)
    answers = await asyncio.gather(*(call(api, "POST", body=BODY) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * 5
    assert {answer.code for answer in answers if answer.status == 409} == {"too_many_webhooks"}
    assert await db.fetchval("select count(*) from webhooks") == 3


async def test_a_webhook_that_was_disabled_goes_on_when_it_is_made_active(api: Api, db: Connection) -> None:
    made = await call(api, "POST", body=BODY)
    path = f"/{made.json['id']}"
    await db.execute(
        "update webhooks set active = false, disabled_at = now(), disabled_reason = 'failing', failing_since = now()"
    )
    found = (await call(api, "GET", path)).json
    assert (found["active"], found["disabled_reason"]) == (False, "failing")
    assert (await call(api, "PUT", path, BODY | {"active": False})).json["disabled_reason"] == "failing"
    again = (await call(api, "PUT", path, BODY | {"active": True})).json
    assert (again["active"], again["disabled_at"], again["disabled_reason"]) == (True, None, None)
    assert await db.fetchval("select failing_since from webhooks") is None
