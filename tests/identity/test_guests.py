"""Guests: customers who book without an account, by one token."""

import pytest

from tests.api import PASSWORD, Answer, Api, Connection, Person
from tests.conftest import StartApi

GRACE = {"name": "Grace", "email": "grace@example.com"}


async def make(api: Api, **fields: str) -> Answer:
    return await api.call("POST", "/auth/guest", GRACE | fields)


async def guest(api: Api, **fields: str) -> Person:
    made = await make(api, **fields)
    assert made.status == 201, made.text
    return Person(made.json["user"]["id"], made.json["user"]["email"], made.json["access_token"], "")


async def test_a_guest_gets_an_access_token_and_no_refresh_token(api: Api) -> None:
    made = await make(api)
    assert made.status == 201
    assert made.json.keys() == {"access_token", "token_type", "expires_in", "user"}
    assert (made.json["token_type"], made.json["expires_in"]) == ("Bearer", 1800)
    created_at = made.json["user"]["created_at"]
    assert made.json["user"] == GRACE | {
        "id": made.json["user"]["id"], "role": "guest", "email_verified": False, "created_at": created_at,
    }  # fmt: skip
    assert made.headers["Cache-Control"] == "no-store"
    who = Person(0, "", made.json["access_token"], "")
    assert (await api.call("GET", "/auth/me", who=who)).json == made.json["user"]
    refused = await api.call("POST", "/auth/refresh", {"refresh_token": made.json["access_token"]})
    assert (refused.status, refused.code) == (401, "invalid_token")


async def test_a_guest_holds_extends_confirms_reads_and_cancels(api: Api) -> None:
    cinema, who = await api.cinema(), await guest(api)
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
    assert held.status == 201
    assert (await api.extend(who, held.json["id"])).status == 200
    assert (await api.confirm(who, held.json["id"])).status == 200
    listed = (await api.call("GET", "/reservations", who=who)).json["items"]
    assert [item["status"] for item in listed] == ["confirmed"]
    assert (await api.cancel(who, held.json["id"])).status == 200


async def test_a_guest_sees_the_reservations_of_the_own_token_only(api: Api) -> None:
    cinema, first, second = await api.cinema(), await guest(api), await guest(api)
    account = await api.sign_up()
    same = await guest(api, email=account.email)
    held = await api.hold(first, cinema.showtime_id, cinema.seat_ids[:1])
    of_account = await api.hold(account, cinema.showtime_id, cinema.seat_ids[1:2])
    body = {"seat_ids": cinema.seat_ids[2:3], "customer": GRACE}
    at_the_till = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=await api.staff())
    assert at_the_till.status == 201
    for who, hidden in ((second, held), (same, of_account), (account, held), (first, at_the_till)):
        assert (await api.call("GET", f"/reservations/{hidden.json['id']}", who=who)).code == "not_found"
        assert (await api.confirm(who, hidden.json["id"])).code == "not_found"
    assert (await api.call("GET", "/reservations", who=second)).json["items"] == []


async def test_a_guest_cannot_log_in_and_leaves_the_address_free_for_an_account(api: Api) -> None:
    await guest(api)
    for password in (PASSWORD, "!"):
        refused = await api.call("POST", "/auth/login", {"email": GRACE["email"], "password": password})
        assert (refused.status, refused.code) == (401, "invalid_credentials")
    made = await api.call("POST", "/auth/signup", GRACE | {"password": PASSWORD})
    assert made.status == 201
    await guest(api)
    await api.log_in(made.json["id"], GRACE["email"])


async def test_a_guest_token_ends_with_its_time(start_api: StartApi, db: Connection) -> None:
    api = await start_api(ACCESS_TOKEN_EXPIRE_MINUTES="2")
    made = await make(api)
    assert made.json["expires_in"] == 120
    left = await db.fetchval("select extract(epoch from expires_at - created_at)::int from login_sessions")
    assert left == 120


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "G", "email": "nowhere"}, "/email"),
        ({"name": " ", "email": "g@example.com"}, "/name"),
        ({"email": "g@example.com"}, "/name"),
        ({**GRACE, "role": "admin"}, "/role"),
        ({**GRACE, "password": PASSWORD}, "/password"),
    ],
)
async def test_an_invalid_guest_is_422(api: Api, body: dict[str, str], pointer: str) -> None:
    refused = await api.call("POST", "/auth/guest", body)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, pointer)


async def test_guests_and_sign_ups_count_for_the_same_limit(start_api: StartApi) -> None:
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="2")
    assert (await make(api)).status == 201
    assert (await api.call("POST", "/auth/signup", GRACE | {"password": PASSWORD})).status == 201
    refused = await make(api)
    assert (refused.status, refused.code) == (429, "too_many_attempts")


async def test_guests_are_listed_by_their_role_only(api: Api) -> None:
    admin, who, staff = await api.admin(), await guest(api), await api.staff()

    async def listed(query: str) -> list[int]:
        answer = await api.call("GET", f"/admin/users{query}", who=admin)
        return [user["id"] for user in answer.json["items"]]

    assert await listed("") == [admin.id, staff.id]
    assert await listed("?role=guest") == [who.id]
    assert await listed("?role=staff") == [staff.id]
    assert await listed("?role=user") == []
    assert (await api.call("GET", "/admin/users?role=root", who=admin)).status == 422
    found = await api.call("GET", f"/admin/users/{who.id}", who=admin)
    assert (found.json["role"], found.json["email"]) == ("guest", GRACE["email"])


async def test_a_guest_gets_no_role_and_no_api_key(api: Api) -> None:
    admin, who = await api.admin(), await guest(api)
    promoted = await api.call("PUT", f"/admin/users/{who.id}/role", {"role": "staff"}, who=admin)
    assert (promoted.status, promoted.json["errors"][0]["pointer"]) == (422, "/role")
    demoted = await api.call("PUT", f"/admin/users/{admin.id}/role", {"role": "guest"}, who=admin)
    assert (demoted.status, demoted.json["errors"][0]["pointer"]) == (422, "/role")
    body = {"name": "Kiosk", "user_id": who.id, "scopes": ["booking"]}
    key = await api.call("POST", "/admin/api-keys", body, who=admin)
    assert (key.status, key.json["errors"][0]["pointer"]) == (422, "/user_id")
