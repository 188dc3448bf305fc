"""Sign up, or book as a guest: the ways of a visitor who has chosen seats and has no session."""

from urllib.parse import quote

import pytest

from tests.api import PASSWORD, Api
from tests.web.visitor import visitor_of

CHOICE = "/my/reservations?from=seats&more=1"


async def test_a_visitor_who_has_to_sign_in_has_three_ways_that_keep_the_page(api: Api) -> None:
    visitor = await visitor_of(api)
    page = await visitor.open(CHOICE)
    assert page.heading == "Sign in"
    assert ("next", CHOICE) in page.form("/sign-in").fields
    for way in ("/guest", "/sign-up"):
        link = f"{way}?next={quote(CHOICE)}"
        assert link in page.links
        await visitor.open(link)
        assert ("next", CHOICE) in visitor.page.form(way).fields


async def test_a_guest_goes_on_at_the_page_with_a_session_that_ends_on_the_server_at_the_sign_out(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.open(f"/guest?next={quote(CHOICE)}")
    page = await visitor.submit("/guest", name="Grace", email="grace@example.com")
    assert page.url.endswith(CHOICE)
    assert ("My tickets" in page.text, "Grace" in page.text) == (True, True)
    [access] = [cookie.value for cookie in visitor.cookies if cookie.key == "__Host-access"]
    headers = {"Authorization": f"Bearer {access}"}
    assert (await api.call("GET", "/auth/me", headers=headers)).json["role"] == "guest"
    await visitor.submit("/sign-out")
    assert (await api.call("GET", "/auth/me", headers=headers)).status == 401
    assert (await visitor.open(CHOICE)).heading == "Sign in"


async def test_a_new_account_is_signed_in_and_goes_on_at_the_page(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.open(f"/sign-up?next={quote(CHOICE)}")
    page = await visitor.submit("/sign-up", name="Ada", email="ada@example.com", password=PASSWORD)
    assert (page.url.endswith(CHOICE), "Ada" in page.text) == (True, True)


@pytest.mark.parametrize("way", ["/guest", "/sign-up"])
async def test_a_page_of_another_site_is_not_gone_on_at(api: Api, way: str) -> None:
    visitor = await visitor_of(api)
    await visitor.open(f"{way}?next={quote('https://elsewhere.example/')}")
    fields = {"name": "Ada", "email": "ada@example.com"} | ({"password": PASSWORD} if way == "/sign-up" else {})
    after = "/my/account?done=signed_up" if way == "/sign-up" else "/"
    assert (await visitor.submit(way, fields)).url == f"{visitor.origin}{after}"
    assert ("Your account has been created." in visitor.page.text) == (way == "/sign-up")


async def test_an_address_that_has_an_account_and_a_weak_password_are_said_at_their_fields(api: Api) -> None:
    visitor, person = await visitor_of(api), await api.sign_up()
    await visitor.open("/sign-up")
    page = await visitor.submit("/sign-up", name="Ada", email=person.email, password=PASSWORD)
    assert (page.status, "There is an account with this e-mail address already." in page.text) == (422, True)
    assert ("name", "Ada") in page.form("/sign-up").fields
    page = await visitor.submit("/sign-up", name="Ada", email="ada@example.com", password="password1")
    assert (page.status, "This password is easy to guess." in page.text) == (422, True)
    assert "password1" not in page.html
    page = await visitor.submit("/sign-up", name="Ada", email="ada", password=PASSWORD)
    assert (page.status, page.text.count("Not a valid email address.")) == (422, 1)


async def test_a_guest_who_signs_up_need_not_type_name_and_address_again(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.open("/guest")
    await visitor.submit("/guest", name="Grace", email="grace@example.com")
    fields = (await visitor.open("/sign-up")).form("/sign-up").fields
    assert {("name", "Grace"), ("email", "grace@example.com")} <= set(fields)


async def test_a_weak_password_is_explained_in_the_language_of_the_reader(api: Api) -> None:
    visitor = await visitor_of(api)
    visitor.headers["Accept-Language"] = "de"
    await visitor.open("/sign-up")
    page = await visitor.submit("/sign-up", name="Ada", email="ada@example.com", password="password1")
    assert "Dieses Passwort ist leicht zu erraten. Das ist ein sehr häufiges Passwort." in page.text
