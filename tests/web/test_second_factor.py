"""Pages that ask for a code of the authenticator app, and for the password again."""

import re

from tests.api import Api, Connection
from tests.identity.authenticator import code_of, enrol, log_in
from tests.web.visitor import visitor_of

PATH = "/my/account/authenticator-app"


async def test_the_sign_in_asks_for_a_code_where_the_account_has_an_authenticator_app(api: Api) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    secret, _ = await enrol(api, person)

    await visitor.open("/sign-in")
    page = await visitor.submit("/sign-in", email=person.email, password=person.password)
    assert (page.status, "the code of your authenticator app" in page.text) == (422, True)
    page = await visitor.submit("/sign-in", password=person.password, totp_code="1")
    assert (page.status, "is wrong" in page.text) == (422, True)
    page = await visitor.submit("/sign-in", password=person.password, totp_code=code_of(secret))

    assert page.status == 200
    assert "A Person" in page.text


async def test_who_has_no_authenticator_app_is_asked_for_no_code(api: Api) -> None:
    visitor = await visitor_of(api)
    page = await visitor.open("/sign-in")
    assert "totp_code" not in page.form("/sign-in").names
    assert "A Person" in (await visitor.sign_in(await api.sign_up())).text


async def test_a_change_of_a_role_leads_to_the_password_and_back(api: Api, db: Connection) -> None:
    admin, other, visitor = await api.admin(), await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(admin, admin.password)
    await visitor.open(f"/manage/users/{other.id}")
    await db.execute("update login_sessions set created_at = created_at - interval '1 day'")

    page = await visitor.submit(f"/manage/users/{other.id}/role", role="staff")
    assert page.heading.strip() == "Confirm your password"
    page = await visitor.submit("/confirm-password", password="not the password")
    assert (page.status, "is wrong" in page.text) == (422, True)
    page = await visitor.submit("/confirm-password", password=admin.password)
    assert page.url.endswith(f"/manage/users/{other.id}")
    assert await db.fetchval("select role from users where id = $1", other.id) == "user"
    page = await visitor.submit(f"/manage/users/{other.id}/role", role="staff")

    assert "Saved." in page.text
    assert await db.fetchval("select role from users where id = $1", other.id) == "staff"


async def test_the_confirmation_asks_for_a_code_where_there_is_an_authenticator_app(api: Api, db: Connection) -> None:
    admin, visitor = await api.admin(), await visitor_of(api)
    await visitor.sign_in(admin, admin.password)
    secret, _ = await enrol(api, admin)
    await db.execute("update login_sessions set created_at = created_at - interval '1 day'")
    await visitor.open("/confirm-password?next=/manage")
    page = await visitor.submit("/confirm-password", password=admin.password, totp_code=code_of(secret))
    assert page.url.endswith("/manage")


async def test_a_key_of_the_page_ends_by_default(api: Api, db: Connection) -> None:
    admin, visitor = await api.admin(), await visitor_of(api)
    await visitor.sign_in(admin, admin.password)
    page = await visitor.open("/manage/api-keys/new")
    assert "after 365 days" in page.text
    await visitor.submit("/manage/api-keys/new", name="Kiosk", email=admin.email, scopes=["booking"])
    assert await db.fetchval("select expires_at between now() + '364 days' and now() + '366 days' from api_keys")


async def test_an_authenticator_app_is_enrolled_and_removed_on_its_page(api: Api) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    page = await visitor.open("/my/account")
    assert PATH in page.links
    await visitor.open(PATH)
    page = await visitor.submit(f"{PATH}/begin")
    [secret] = re.findall(r"\b[A-Z2-7]{32}\b", page.text)
    assert 'src="data:image/svg+xml;base64,' in page.html
    page = await visitor.submit(f"{PATH}/confirm", code=code_of(secret, later=-1))
    codes = re.findall(r"(?:[0-9A-Z]{6}-){3}[0-9A-Z]{6}", page.text)
    assert len(codes) == 10
    assert (await log_in(api, person)).code == "totp_required"

    page = await visitor.open(PATH)
    assert "10 recovery codes are left." in page.text
    page = await visitor.submit(f"{PATH}/remove", code="1")
    assert (page.status, "This code is wrong" in page.text) == (422, True)
    page = await visitor.submit(f"{PATH}/remove", code=codes[0])

    assert "Enrol an app" in page.html
    assert (await log_in(api, person)).status == 200


async def test_a_wrong_code_enrols_nothing(api: Api) -> None:
    person, visitor = await api.sign_up(), await visitor_of(api)
    await visitor.sign_in(person)
    await visitor.open(PATH)
    await visitor.submit(f"{PATH}/begin")
    page = await visitor.submit(f"{PATH}/confirm", code="1")
    assert (page.status, "Begin again" in page.text) == (422, True)
    assert (await log_in(api, person)).status == 200
