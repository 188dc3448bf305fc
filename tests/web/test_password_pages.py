"""Mailed tokens: choose a new password, and confirm an e-mail address, without JavaScript."""

import io
from pathlib import Path

import pytest

from reservation.http import middleware
from tests.api import PASSWORD, Api
from tests.conftest import StartApi
from tests.mailbox import reset_token, verification_token
from tests.web.visitor import Visitor, visitor_of

NEW_PASSWORD = "staple battery horse"


@pytest.fixture
def mail_dir(tmp_path: Path) -> Path:
    """Where the service writes mails."""
    return tmp_path / "mail"


def kept_by(visitor: Visitor) -> dict[str, str]:
    """The tokens in a browser's cookies."""
    return {each.key: each.value for each in visitor.cookies if each.key.endswith("-token")}


async def test_a_forgotten_password_is_replaced_by_the_link_of_the_mail(api: Api, mail_dir: Path) -> None:
    person, visitor, elsewhere = await api.sign_up(), await visitor_of(api), await visitor_of(api)
    await elsewhere.sign_in(person)
    await visitor.open("/forgot-password")
    page = await visitor.submit("/forgot-password", email=person.email)
    assert "a mail is on its way to it" in page.text
    page = await visitor.open(f"/reset-password?token={await reset_token(api, mail_dir, person.email)}")
    assert page.url == f"{visitor.origin}/reset-password"
    page = await visitor.submit("/reset-password", new_password="password1")
    assert (page.status, "This password is easy to guess." in page.text) == (422, True)
    page = await visitor.submit("/reset-password", new_password=NEW_PASSWORD)
    assert (page.heading, "Your password has been changed" in page.text) == ("Sign in", True)
    assert kept_by(visitor) == {}
    assert (await elsewhere.open("/my/reservations")).heading == "Sign in"
    await visitor.sign_in(person, NEW_PASSWORD)
    assert (await visitor.open("/my/reservations")).heading == "My tickets"


async def test_an_address_without_an_account_gets_the_same_answer(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.open("/forgot-password")
    assert "a mail is on its way to it" in (await visitor.submit("/forgot-password", email="no@example.com")).text
    assert (await visitor.submit("/forgot-password", email="no")).status == 422


async def test_a_token_is_typed_where_the_mail_has_no_link(api: Api, mail_dir: Path) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.open("/forgot-password")
    await visitor.submit("/forgot-password", email=person.email)
    await visitor.open("/reset-password")
    token = await reset_token(api, mail_dir, person.email)
    page = await visitor.submit("/reset-password", token=f" {token} ", new_password=NEW_PASSWORD)
    assert page.heading == "Sign in"


async def test_a_used_link_says_so_and_leads_to_another_mail(api: Api, mail_dir: Path) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.open("/forgot-password")
    await visitor.submit("/forgot-password", email=person.email)
    link = f"/reset-password?token={await reset_token(api, mail_dir, person.email)}"
    await visitor.open(link)
    await visitor.submit("/reset-password", new_password=NEW_PASSWORD)
    await visitor.open(link)
    page = await visitor.submit("/reset-password", new_password=PASSWORD)
    assert (page.status, "has been used, or is too old" in page.text) == (422, True)
    assert "/forgot-password" in page.links
    assert kept_by(visitor) == {}


async def test_the_link_of_a_mail_confirms_the_address_after_the_sign_in(api: Api, mail_dir: Path) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    page = await visitor.open(f"/verify-email?token={await verification_token(api, mail_dir, person.email)}")
    assert page.heading == "Sign in"
    page = await visitor.submit("/sign-in", email=person.email, password=PASSWORD)
    assert page.url == f"{visitor.origin}/verify-email"
    assert not (await api.call("GET", "/auth/me", who=person)).json["email_verified"]
    await visitor.submit("/verify-email")
    assert (await api.call("GET", "/auth/me", who=person)).json["email_verified"]
    assert kept_by(visitor) == {}


async def test_the_link_of_a_mail_to_somebody_else_confirms_nothing(api: Api, mail_dir: Path) -> None:
    person, other, visitor = await api.sign_up(), await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(other)
    await visitor.open(f"/verify-email?token={await verification_token(api, mail_dir, person.email)}")
    page = await visitor.submit("/verify-email")
    assert (page.status, "is for another account" in page.text) == (422, True)
    for each in (person, other):
        assert not (await api.call("GET", "/auth/me", who=each)).json["email_verified"]


async def test_a_token_is_neither_in_a_page_nor_in_the_access_log(
    start_api: StartApi, mail_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(middleware, "standard_error", lambda: written)
    api = await start_api(ACCESS_LOG="on")
    person, visitor = await api.sign_up(), await visitor_of(api)
    token = await verification_token(api, mail_dir, person.email)
    for path in ("/verify-email", "/reset-password"):
        page = await visitor.open(f"{path}?token={token}")
        assert token not in page.html + page.url
    await api.client.close()
    assert '"path":"/reset-password"' in written.getvalue()
    assert token not in written.getvalue()


@pytest.mark.parametrize("token", ["", "short", "x" * 300, "a%3B%20Domain=example.org%3B%20aaaaaaaaaaaa", "%0d%0aX: y"])
async def test_a_token_that_no_mail_can_have_is_not_kept(api: Api, token: str) -> None:
    visitor = await visitor_of(api)
    page = await visitor.open(f"/reset-password?token={token}")
    assert (page.status, page.heading) == (200, "Choose a new password")
    assert kept_by(visitor) == {}
