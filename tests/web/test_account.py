"""My account: what a customer changes, downloads and erases."""

import asyncio
import json
from pathlib import Path

from tests.api import PASSWORD, Api, Connection
from tests.mailbox import verification_token
from tests.web.visitor import visitor_of

NEW_PASSWORD = "staple battery horse"


async def test_the_name_is_changed_and_a_blank_one_is_refused_at_its_field(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.sign_up())
    await visitor.open("/my/account")
    page = await visitor.submit("/my/account/name", name="Ada King")
    assert ("Your name has been changed." in page.text, "Ada King" in page.text) == (True, True)
    page = await visitor.submit("/my/account/name", name=" ")
    assert (page.status, "Must not be blank." in page.text) == (422, True)
    assert (await visitor.open("/my/account/name")).url == f"{visitor.origin}/my/account"


async def test_the_password_is_changed_and_other_sessions_end(api: Api) -> None:
    person, visitor, other = await api.sign_up(), await visitor_of(api), await visitor_of(api)
    await visitor.sign_in(person)
    await other.sign_in(person)
    page = await visitor.open("/my/account")
    assert "All times are of the time zone UTC." in page.text
    page = await visitor.submit("/my/account/password", current_password="wrong", new_password=NEW_PASSWORD)
    assert (page.status, "This is not your password." in page.text) == (422, True)
    page = await visitor.submit("/my/account/password", current_password=PASSWORD, new_password="password1")
    assert (page.status, "This password is easy to guess." in page.text) == (422, True)
    assert PASSWORD not in page.html
    page = await visitor.submit("/my/account/password", current_password=PASSWORD, new_password=NEW_PASSWORD)
    assert "Your password has been changed." in page.text
    assert (await other.open("/my/account")).heading == "Sign in"
    await other.sign_in(person, NEW_PASSWORD)


async def test_another_mail_confirms_the_address(api: Api, tmp_path: Path) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    assert "not confirmed yet" in (await visitor.open("/my/account")).text
    page = await visitor.submit("/my/account/verification")
    assert "A mail is on its way to you." in page.text
    token = await verification_token(api, tmp_path / "mail", person.email, number=2)
    await visitor.open(f"/verify-email?token={token}")
    page = await visitor.submit("/verify-email")
    assert "Your e-mail address is confirmed." in page.text
    assert "/my/account/verification" not in [form.action for form in page.forms]


async def test_one_session_is_ended_and_then_all(api: Api) -> None:
    person, visitor, first, second = await api.sign_up(), *[await visitor_of(api) for _ in range(3)]
    await first.sign_in(person)
    [newest] = (await api.call("GET", "/auth/sessions?limit=1", who=person)).json["items"]
    for each in (second, visitor):
        await each.sign_in(person)
    await visitor.open("/my/account")
    page = await visitor.submit(f"/my/account/sessions/{newest['id']}/end")
    assert "The session has ended." in page.text
    assert (await first.open("/my/account")).heading == "Sign in"
    assert (await second.open("/my/account")).heading == "My account"
    page = await visitor.submit("/my/account/sign-out-everywhere")
    assert (page.heading, "You have been signed out everywhere." in page.text) == ("Sign in", True)
    for each in (visitor, second):
        assert (await each.open("/my/account")).heading == "Sign in"
    assert (await api.call("GET", "/auth/me", who=person)).status == 401


async def test_the_own_session_is_ended_as_by_a_sign_out(api: Api) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    [own, *_] = (await api.call("GET", "/auth/sessions", who=person)).json["items"]
    await visitor.open("/my/account")
    page = await visitor.submit(f"/my/account/sessions/{own['id']}/end")
    assert (page.heading, "A Person" in page.text) == ("Sign in", False)
    assert not [cookie for cookie in visitor.cookies if cookie.key in ("__Host-access", "__Host-refresh")]


async def test_a_session_of_somebody_else_is_not_ended(api: Api) -> None:
    person, other, visitor = await api.sign_up(), await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    [theirs] = (await api.call("GET", "/auth/sessions", who=other)).json["items"]
    await visitor.open("/my/account")
    await visitor.send(f"/my/account/sessions/{theirs['id']}/end")
    assert (await api.call("GET", "/auth/me", who=other)).status == 200


async def test_the_data_come_as_a_file_also_when_the_session_has_just_been_renewed(api: Api) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    visitor.cookies.update_cookies({"__Host-access": "ended"}, visitor.origin)
    page = await visitor.open("/my/account/export")
    assert page.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert json.loads(page.html)["account"]["email"] == person.email
    visitor.cookies.update_cookies({"__Host-access": "ended"}, visitor.origin)
    assert (await visitor.open("/my/account")).heading == "My account"


async def test_an_answer_to_head_has_no_byte_of_the_data(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.sign_up())
    reader, writer = await asyncio.open_connection(visitor.client.host, visitor.client.port)
    head = f"HEAD /my/account/export HTTP/1.1\r\nHost: localhost\r\nCookie: {visitor.cookie_header()}\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.read()  # until the service closes the connection
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.partition(b"\r\n\r\n")[2] == b""


async def test_an_account_is_erased_by_its_address_and_password_only(api: Api, db: Connection) -> None:
    person, visitor, other = await api.sign_up(), await visitor_of(api), await visitor_of(api)
    await visitor.sign_in(person)
    await other.sign_in(person)
    await visitor.open("/my/account/erase")
    page = await visitor.submit("/my/account/erase", email="yes", password=PASSWORD)
    assert (page.status, "to show that you mean it" in page.text) == (422, True)
    page = await visitor.submit("/my/account/erase", email=person.email, password="wrong")
    assert (page.status, "This is not your password." in page.text) == (422, True)
    assert await db.fetchval("select email from users where id = $1", person.id) == person.email
    page = await visitor.submit("/my/account/erase", email=person.email.upper(), password=PASSWORD)
    assert (page.heading, "Your account has been erased." in page.text) == ("Sign in", True)
    assert await db.fetchval("select email from users where id = $1", person.id) != person.email
    assert (await other.open("/my/account")).heading == "Sign in"


async def test_the_last_administrator_is_told_why_the_account_stays(api: Api) -> None:
    admin, visitor = await api.admin(), await visitor_of(api)
    await visitor.sign_in(admin)
    await visitor.open("/my/account/erase")
    page = await visitor.submit("/my/account/erase", email=admin.email, password=PASSWORD)
    assert (page.status, "This is the last administrator" in page.text) == (422, True)


async def test_a_guest_has_a_name_and_data_and_is_told_how_to_get_an_account(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.open("/guest?next=/my/account")
    page = await visitor.submit("/guest", name="Grace", email="grace@example.com")
    assert ("You book as a guest" in page.text, "/sign-up" in page.links) == (True, True)
    forms = [form.action for form in page.forms]
    assert not {"/my/account/password", "/my/account/verification", "/my/account/sign-out-everywhere"} & set(forms)
    assert "Your name has been changed." in (await visitor.submit("/my/account/name", name="Grace H")).text
    assert json.loads((await visitor.open("/my/account/export")).html)["account"]["name"] == "Grace H"
    assert "/my/account/erase" not in [form.action for form in (await visitor.open("/my/account/erase")).forms]
