"""Sessions in the browser: cookies that no script can read, forms that no other site can send."""

import asyncio
import re
from uuid import UUID

from reservation.http.routes import Access
from reservation.web.page_table import Page as SitePage
from reservation.web.pages import TABLES
from tests.api import Api
from tests.web.visitor import Visitor, visitor_of

FLAGS = ("Path=/", "Secure", "HttpOnly", "SameSite=Lax")


async def test_a_person_signs_in_and_out_without_javascript(api: Api) -> None:
    visitor = await visitor_of(api)
    page = await visitor.sign_in(await api.sign_up())
    assert "A Person" in page.text
    await visitor.submit("/sign-out")
    assert "A Person" not in (await visitor.open("/")).text


async def test_the_session_ends_on_the_server_with_the_sign_out(api: Api) -> None:
    visitor, person = await visitor_of(api), await api.sign_up()
    await visitor.sign_in(person)
    [access] = [cookie.value for cookie in visitor.cookies if cookie.key == "__Host-access"]
    headers = {"Authorization": f"Bearer {access}"}
    assert (await api.call("GET", "/auth/me", headers=headers)).status == 200
    await visitor.submit("/sign-out")
    assert (await api.call("GET", "/auth/me", headers=headers)).status == 401


async def test_every_cookie_is_bound_to_the_host_and_hidden_from_scripts(api: Api) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    page = await visitor.open("/sign-in")
    form = page.form("/sign-in").filled_in({"email": person.email, "password": "correct horse battery"})
    cookie = "; ".join(f"{each.key}={each.value}" for each in visitor.cookies)
    headers = {"Origin": str(visitor.origin), "Cookie": cookie}
    async with api.client.post("/sign-in", data=form, headers=headers, allow_redirects=False) as response:
        set_cookies = response.headers.getall("Set-Cookie")
    assert {text.partition("=")[0] for text in set_cookies} == {"__Host-access", "__Host-refresh", "__Host-form"}
    for text in set_cookies:
        assert all(flag in text.split("; ") for flag in FLAGS), text


async def test_an_ended_access_token_is_renewed_and_an_ended_session_is_signed_out(api: Api) -> None:
    visitor, person = await visitor_of(api), await api.sign_up()
    await visitor.sign_in(person)
    visitor.cookies.update_cookies({"__Host-access": "not a token"}, visitor.origin)
    assert "A Person" in (await visitor.open("/")).text
    [access] = [cookie.value for cookie in visitor.cookies if cookie.key == "__Host-access"]
    assert access.count(".") == 2
    for session in (await api.call("GET", "/auth/sessions", who=person)).json["items"]:
        if not session["current"]:
            await api.call("DELETE", f"/auth/sessions/{session['id']}", who=person)
    assert "A Person" not in (await visitor.open("/")).text


async def _post_status(visitor: Visitor, path: str, form_token: str, **headers: str) -> int:
    cookie = "; ".join(f"{each.key}={each.value}" for each in visitor.cookies)
    data = {"form_token": form_token, "language": "de"}
    async with visitor.client.post(
        path, data=data, headers={"Cookie": cookie, **headers}, allow_redirects=False
    ) as response:
        return response.status


async def test_a_form_of_another_site_or_browser_is_403(api: Api) -> None:
    visitor, other = await visitor_of(api), await visitor_of(api)
    own = dict((await visitor.open("/")).form("/language").fields)["form_token"]
    foreign = dict((await other.open("/")).form("/language").fields)["form_token"]
    origin = str(visitor.origin)
    assert await _post_status(visitor, "/language", own, Origin=origin) == 303
    assert await _post_status(visitor, "/language", own, Referer=f"{origin}/films/1") == 303
    assert await _post_status(visitor, "/language", own) == 403
    assert await _post_status(visitor, "/language", own, Origin="null") == 403
    assert await _post_status(visitor, "/language", own, Origin="https://elsewhere.example") == 403
    assert await _post_status(visitor, "/language", foreign, Origin=origin) == 403
    assert await _post_status(visitor, "/language", "", Origin=origin) == 403


async def test_the_form_of_a_page_of_staff_is_not_read_of_others(api: Api) -> None:
    """It may have MAX_BODY_BYTES."""
    visitor, person = await visitor_of(api), await api.sign_up()
    for expected in (303, 403):
        cookie = "; ".join(f"{each.key}={each.value}" for each in visitor.cookies)
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        async with visitor.client.post(
            "/door/cinema", data=b"%zz" * 100_000, headers=headers, allow_redirects=False
        ) as answer:
            assert answer.status == expected
        await visitor.sign_in(person)


async def test_a_sign_in_makes_forms_of_before_invalid(api: Api) -> None:
    visitor, person = await visitor_of(api), await api.sign_up()
    before = dict((await visitor.open("/")).form("/language").fields)["form_token"]
    await visitor.sign_in(person)
    assert await _post_status(visitor, "/language", before, Origin=str(visitor.origin)) == 403


async def test_wrong_credentials_are_shown_above_the_form_with_the_address_kept(api: Api) -> None:
    visitor, person = await visitor_of(api), await api.sign_up()
    await visitor.open("/sign-in")
    page = await visitor.submit("/sign-in", email=person.email, password="wrong")
    assert page.status == 422
    assert "The e-mail address or the password is wrong." in page.text
    assert ("email", person.email) in page.form("/sign-in").fields


async def test_a_sign_in_goes_on_at_a_page_of_this_site_only(api: Api) -> None:
    person = await api.sign_up()
    for target, reached in (
        ("/my/account", "/my/account"),
        ("//elsewhere.example", "/"),
        ("https://elsewhere.example", "/"),
    ):
        visitor = await visitor_of(api)
        await visitor.open(f"/sign-in?next={target}")
        page = await visitor.submit("/sign-in", email=person.email, password="correct horse battery")
        assert page.url == str(visitor.origin) + reached


async def test_an_unknown_address_is_a_page_for_browsers_and_json_for_others(api: Api) -> None:
    visitor = await visitor_of(api)
    visitor.headers["Accept"] = "text/html,application/xhtml+xml"
    page = await visitor.open("/nowhere")
    assert (page.status, page.heading) == (404, "There is nothing at this address, or it is not yours.")
    assert re.search(r"tell us: \S+", page.text)
    assert (await api.call("GET", "/nowhere")).code == "not_found"
    assert (await api.call("GET", "/movies/4711", headers={"Accept": "text/html"})).code == "not_found"


PARAMETER = re.compile(r"\{\w+(?::((?:[^{}]|\{[^{}]*\})*))?\}")


def address_of(page: SitePage) -> str:
    """An address of a page, with an id of the form that its path takes."""

    def example(match: re.Match[str]) -> str:
        forms: str = match[1] or ".*"
        return next(each for each in (str(UUID(int=7)), "7", *forms.split("|")) if re.fullmatch(forms, each))

    return PARAMETER.sub(example, page.path)


async def test_every_page_is_for_those_only_whom_its_table_names(api: Api) -> None:
    customer, visitor = await visitor_of(api), await visitor_of(api)
    await customer.sign_in(await api.sign_up())
    for page in (page for table in TABLES for page in table.pages if page.access is not Access.PUBLIC):
        await visitor.open("/")
        address = address_of(page)
        shown = await (visitor.open(address) if page.method == "GET" else visitor.send(address))
        assert (shown.status, shown.heading) == (200, "Sign in"), f"{page.method} {address}"
        if page.access.roles:
            await customer.open("/")
            shown = await (customer.open(address) if page.method == "GET" else customer.send(address))
            assert shown.status == 403, f"{page.method} {address}"


async def test_the_session_of_a_disabled_account_ends_at_once(api: Api) -> None:
    visitor, person, admin = await visitor_of(api), await api.sign_up(), await api.admin()
    await visitor.sign_in(person)
    await api.call("PUT", f"/admin/users/{person.id}/disabled", {"disabled": True}, who=admin)
    assert (await visitor.open("/my/reservations")).heading == "Sign in"
    assert not [cookie for cookie in visitor.cookies if cookie.key in ("__Host-access", "__Host-refresh")]
    page = await visitor.submit("/sign-in", email=person.email, password="correct horse battery")
    assert (page.status, "This account is disabled." in page.text) == (422, True)


async def test_a_demoted_administrator_does_not_see_the_administration_any_more(api: Api) -> None:
    visitor, person, admin = await visitor_of(api), await api.staff("admin"), await api.admin()
    page = await visitor.sign_in(person)
    assert "Administration" in page.text
    await api.call("PUT", f"/admin/users/{person.id}/role", {"role": "user"}, who=admin)
    assert "Administration" not in (await visitor.open("/")).text


async def test_requests_that_renew_the_session_at_once_all_go_on(api: Api) -> None:
    visitor, person = await visitor_of(api), await api.sign_up()
    await visitor.sign_in(person)
    visitor.cookies.update_cookies({"__Host-access": "ended"}, visitor.origin)
    tabs = [await visitor_of(api) for _ in range(4)]
    for tab in tabs:
        tab.cookies.update_cookies({each.key: each.value for each in visitor.cookies}, visitor.origin)
    for page in await asyncio.gather(*(tab.open("/my/reservations") for tab in tabs)):
        assert page.heading == "My tickets"
    assert (await tabs[0].open("/my/reservations")).heading == "My tickets"
