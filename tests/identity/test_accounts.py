"""Sign-up, login, refresh, logout and roles."""

import asyncio
import re
from typing import Any

import pytest

from reservation.app import TABLES
from reservation.http.routes import Access
from tests.api import PASSWORD, Answer, Api, Connection, Person

OPERATIONS = [operation for table in TABLES for operation in table.operations]
GUARDED = [operation for operation in OPERATIONS if operation.access is not Access.PUBLIC]
FOR_ADMINS = [operation for operation in OPERATIONS if operation.access is Access.ADMIN]


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


async def sign_up(api: Api, **fields: Any) -> Answer:
    body = {"name": "Ada", "email": "Ada.Lovelace@Example.com", "password": PASSWORD} | fields
    return await api.call("POST", "/auth/signup", body)


async def log_in(api: Api, email: str, password: str = PASSWORD) -> Answer:
    return await api.call("POST", "/auth/login", {"email": email, "password": password})


async def refresh(api: Api, token: str) -> Answer:
    return await api.call("POST", "/auth/refresh", {"refresh_token": token})


async def me(api: Api, token: str) -> Answer:
    return await api.call("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})


async def test_sign_up_creates_a_user_account(api: Api) -> None:
    made = await sign_up(api)
    assert made.status == 201, made.text
    assert set(made.json) == {"id", "name", "email", "role", "created_at", "email_verified"}
    assert (made.json["name"], made.json["email"], made.json["role"]) == ("Ada", "Ada.Lovelace@Example.com", "user")
    assert PASSWORD not in made.text


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"role": "admin"}, "/role"),
        ({"name": ""}, "/name"),
        ({"name": " \t"}, "/name"),
        ({"name": "a" * 201}, "/name"),
        ({"email": "no-address"}, "/email"),
        ({"email": "a@" + "b" * 250 + ".com"}, "/email"),
        ({"email": None}, "/email"),
        ({"password": "seven77"}, "/password"),
        ({"password": "p" * 129}, "/password"),
        ({"password": 12345678}, "/password"),
    ],
)
async def test_an_invalid_sign_up_is_422(api: Api, fields: dict[str, Any], pointer: str) -> None:
    refused = await sign_up(api, **fields)
    assert refusal(refused) == (422, "validation_error")
    assert {error["pointer"] for error in refused.json["errors"]} == {pointer}
    assert (await sign_up(api)).status == 201


@pytest.mark.parametrize("password", ["p8-Ko7!q", "lamps on the stair" * 7 + "pq", "пароль-🎬-密码"])
async def test_a_password_of_any_characters_logs_in(api: Api, password: str) -> None:
    assert (await sign_up(api, password=password)).status == 201
    assert (await log_in(api, "ada.lovelace@example.com", password)).status == 200
    assert (await log_in(api, "ada.lovelace@example.com", password[:-1])).status == 401


async def test_a_second_sign_up_with_the_address_in_another_case_is_409(api: Api) -> None:
    assert (await sign_up(api)).status == 201
    assert refusal(await sign_up(api, email="ADA.lovelace@example.COM")) == (409, "email_taken")


async def test_of_concurrent_sign_ups_with_one_address_one_succeeds(api: Api) -> None:
    answers = await asyncio.gather(*(sign_up(api, email=f"{who}@example.com") for who in ("ada", "ADA", "Ada", "aDa")))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_login_answers_a_token_pair_whatever_the_case_of_the_address(api: Api) -> None:
    made = await sign_up(api)
    answer = await log_in(api, "ADA.LOVELACE@EXAMPLE.COM")
    assert answer.status == 200, answer.text
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 1800)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await me(api, answer.json["access_token"])).json == made.json


async def test_a_wrong_password_and_an_unknown_address_get_the_same_401(api: Api) -> None:
    await sign_up(api)
    wrong = await log_in(api, "ada.lovelace@example.com", PASSWORD + "!")
    unknown = await log_in(api, "nobody@example.com")
    assert refusal(wrong) == refusal(unknown) == (401, "invalid_credentials")
    assert {**wrong.json, "request_id": ""} == {**unknown.json, "request_id": ""}


async def test_refresh_answers_a_new_pair(api: Api) -> None:
    person = await api.sign_up()
    answer = await refresh(api, person.refresh_token)
    assert answer.status == 200, answer.text
    assert answer.json["refresh_token"] != person.refresh_token
    assert (await me(api, answer.json["access_token"])).json["id"] == person.id
    assert (await refresh(api, answer.json["refresh_token"])).status == 200


async def test_a_spent_refresh_token_revokes_its_session_alone(api: Api) -> None:
    person = await api.sign_up()
    elsewhere = await api.log_in(person.id, person.email)
    second = (await refresh(api, person.refresh_token)).json["refresh_token"]
    third = (await refresh(api, second)).json["refresh_token"]

    assert refusal(await refresh(api, person.refresh_token)) == (401, "invalid_token")

    assert refusal(await refresh(api, third)) == (401, "invalid_token")
    assert (await refresh(api, elsewhere.refresh_token)).status == 200


async def test_concurrent_refreshes_with_one_token_get_one_pair(api: Api) -> None:
    person = await api.sign_up()
    answers = await asyncio.gather(*(refresh(api, person.refresh_token) for _ in range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1
    assert (await refresh(api, answers[0].json["refresh_token"])).status == 200


async def test_a_refresh_repeated_within_30_seconds_gets_the_same_pair(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    first = await refresh(api, person.refresh_token)
    assert (await refresh(api, person.refresh_token)).json == first.json
    await db.execute("update login_sessions set refreshed_at = refreshed_at - interval '20 s'")
    assert (await refresh(api, person.refresh_token)).status == 200
    assert (await refresh(api, first.json["refresh_token"])).status == 200


async def test_a_refresh_repeated_after_30_seconds_revokes_the_session(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    newest = (await refresh(api, person.refresh_token)).json
    await db.execute("update login_sessions set refreshed_at = refreshed_at - interval '31 s'")
    assert refusal(await refresh(api, person.refresh_token)) == (401, "invalid_token")
    assert refusal(await refresh(api, newest["refresh_token"])) == (401, "invalid_token")
    assert (await me(api, newest["access_token"])).status == 401


async def test_a_refresh_repeated_after_the_next_one_revokes_the_session(api: Api) -> None:
    person = await api.sign_up()
    second = (await refresh(api, person.refresh_token)).json["refresh_token"]
    third = (await refresh(api, second)).json["refresh_token"]
    assert refusal(await refresh(api, person.refresh_token)) == (401, "invalid_token")
    assert refusal(await refresh(api, third)) == (401, "invalid_token")


async def test_no_token_is_stored(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    pair = (await refresh(api, person.refresh_token)).json
    rows = " ".join(str(row) for row in await db.fetch("select s::text from login_sessions as s"))
    for token in (person.access_token, person.refresh_token, pair["access_token"], pair["refresh_token"]):
        assert token.rpartition(".")[2] not in rows


async def test_logout_revokes_its_session_alone(api: Api) -> None:
    person = await api.sign_up()
    elsewhere = await api.log_in(person.id, person.email)
    newest = (await refresh(api, person.refresh_token)).json["refresh_token"]
    for _ in range(2):
        gone = await api.call("POST", "/auth/logout", {"refresh_token": newest})
        assert (gone.status, gone.text) == (204, "")
    assert refusal(await refresh(api, newest)) == (401, "invalid_token")
    assert (await refresh(api, elsewhere.refresh_token)).status == 200


async def test_logout_with_another_token_is_401(api: Api) -> None:
    person = await api.sign_up()
    for token in (person.access_token, "nonsense"):
        assert refusal(await api.call("POST", "/auth/logout", {"refresh_token": token})) == (401, "invalid_token")


async def test_tokens_of_a_deleted_account_are_401(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    await db.execute("delete from users where id = $1", person.id)
    assert refusal(await me(api, person.access_token)) == (401, "invalid_token")
    assert refusal(await refresh(api, person.refresh_token)) == (401, "invalid_token")


async def test_a_guarded_operation_without_a_token_is_401(api: Api) -> None:
    assert len(GUARDED) > len(FOR_ADMINS) > 15
    for operation in GUARDED:
        refused = await api.call(operation.method, re.sub(r"{\w+}", "1", operation.path), {})
        assert refusal(refused) == (401, "not_authenticated"), operation
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_admin_operation_is_403_for_users_and_staff(api: Api, db: Connection) -> None:
    customer, staff = await api.sign_up(), await api.sign_up()
    await db.execute("update users set role = 'staff' where id = $1", staff.id)
    staff = await api.log_in(staff.id, staff.email)
    for operation in FOR_ADMINS:
        path = re.sub(r"{\w+}", "1", operation.path)
        for person in (customer, staff):
            assert refusal(await api.call(operation.method, path, {}, who=person)) == (403, "forbidden"), path


async def test_a_demoted_admins_token_is_403_at_once(api: Api) -> None:
    admin, other = await api.admin(), await api.sign_up()
    await set_role(api, admin, other.id, "admin")
    other = await api.log_in(other.id, other.email)
    assert (await api.call("GET", "/admin/users", who=other)).status == 200

    assert (await set_role(api, admin, other.id, "user")).status == 200

    assert refusal(await api.call("GET", "/admin/users", who=other)) == (403, "forbidden")
    assert (await api.call("GET", "/auth/me", who=other)).json["role"] == "user"


async def test_a_promoted_users_token_administers_at_once(api: Api) -> None:
    other = await api.sign_up()
    assert (await set_role(api, await api.admin(), other.id, "admin")).json["role"] == "admin"
    assert (await api.call("GET", "/admin/users", who=other)).status == 200


async def test_demoting_the_last_admin_is_409(api: Api) -> None:
    admin = await api.admin()
    for role in ("user", "staff"):
        assert refusal(await set_role(api, admin, admin.id, role)) == (409, "last_admin")
    assert (await set_role(api, admin, admin.id, "admin")).status == 200
    assert (await api.call("GET", "/auth/me", who=admin)).json["role"] == "admin"


async def test_two_concurrent_demotions_leave_one_admin(api: Api, db: Connection) -> None:
    first = await api.admin()
    for _ in range(5):
        second = await api.sign_up()
        await set_role(api, first, second.id, "admin")
        answers = await asyncio.gather(set_role(api, first, second.id, "user"), set_role(api, second, first.id, "user"))
        assert [answer.status for answer in answers].count(200) == 1, [answer.text for answer in answers]
        assert {answer.code for answer in answers if answer.status != 200} <= {"last_admin", "forbidden"}
        assert await db.fetchval("select count(*) from users where role = 'admin'") == 1
        first = first if answers[0].status == 200 else second


async def test_an_unknown_user_is_404_and_an_unknown_role_422(api: Api) -> None:
    admin = await api.admin()
    assert refusal(await set_role(api, admin, 4711, "user")) == (404, "not_found")
    for role in ("root", "", None, 1, "Admin"):
        assert refusal(await set_role(api, admin, admin.id, role)) == (422, "validation_error")


async def test_users_are_listed_in_pages(api: Api) -> None:
    admin = await api.admin()
    people = [admin.id, *[(await sign_up(api, email=f"p{index}@example.com")).json["id"] for index in range(4)]]
    found, cursor = [], ""
    while True:
        answer = await api.call("GET", f"/admin/users?limit=2{cursor}", who=admin)
        found += [user["id"] for user in answer.json["items"]]
        if answer.json["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.json['next_cursor']}"
    assert found == people
    assert "password" not in answer.text


async def set_role(api: Api, who: Person, user_id: int, role: object) -> Answer:
    return await api.call("PUT", f"/admin/users/{user_id}/role", {"role": role}, who=who)
