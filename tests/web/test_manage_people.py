"""Users, API keys and the change log for administrators."""

import re

import pytest

from reservation.web.pages.manage.change_log import Difference, differences_of
from reservation.web.texts.actions import ACTIONS
from tests.api import Api
from tests.web.visitor import Visitor, visitor_of

ZONE = "America/New_York"


async def _admin(api: Api) -> Visitor:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.admin())
    return visitor


async def test_users_are_found_by_address_and_role(api: Api) -> None:
    visitor, who, staff = await _admin(api), await api.sign_up(), await api.staff()
    page = await visitor.open("/manage/users")
    assert {f"/manage/users/{who.id}", f"/manage/users/{staff.id}"} <= set(page.links)
    page = await visitor.submit("/manage/users", email=who.email.upper())
    assert [link for link in page.links if re.search(r"users/\d", link)] == [f"/manage/users/{who.id}"]
    page = await visitor.submit("/manage/users", email="", role="staff")
    assert [link for link in page.links if re.search(r"users/\d", link)] == [f"/manage/users/{staff.id}"]
    for query in ("email=nobody@example.com", "email=%00", "role=king", "cursor=x"):
        page = await visitor.open(f"/manage/users?{query}")
        assert (page.status, "Nobody matches." in page.text) == (200, True)


async def test_the_next_page_of_users_keeps_the_filters(api: Api) -> None:
    visitor = await _admin(api)
    for number in range(51):
        guest = {"name": f"Guest {number}", "email": f"guest{number}@example.com"}
        assert (await api.call("POST", "/auth/guest", guest)).status == 201
    page = await visitor.open("/manage/users?role=guest")
    [after] = [link for link in page.links if "cursor=" in link]
    page = await visitor.open(after)
    assert "role=guest" in after
    assert len([link for link in page.links if re.search(r"users/\d", link)]) == 1


async def test_a_role_is_changed_and_the_person_can_do_what_it_allows(api: Api) -> None:
    visitor, who = await _admin(api), await api.sign_up()
    await visitor.open(f"/manage/users/{who.id}")
    page = await visitor.submit(f"/manage/users/{who.id}/role", role="staff")
    assert "Saved." in page.text
    assert (await api.call("GET", "/admin/reservations", who=who)).status == 200


async def test_an_account_is_disabled_and_enabled_again(api: Api) -> None:
    visitor, who = await _admin(api), await api.sign_up()
    path = f"/manage/users/{who.id}"
    await visitor.open(path)
    page = await visitor.submit(f"{path}/disabled")
    assert "Disabled" in page.text
    assert (await api.call("GET", "/auth/me", who=who)).status == 401
    page = await visitor.submit(f"{path}/disabled")
    assert "May sign in" in page.text
    assert (await api.log_in(who.id, who.email)).access_token


async def test_the_last_administrator_stays_one(api: Api) -> None:
    visitor, admin = await _admin(api), await api.admin()
    path = f"/manage/users/{admin.id}"
    await visitor.open(path)
    changes: list[tuple[str, dict[str, str | list[str] | None]]] = [("role", {"role": "user"}), ("disabled", {})]
    for what, fields in changes:
        page = await visitor.submit(f"{path}/{what}", fields)
        assert (page.status, "This is the last administrator, who stays one." in page.text) == (409, True)
    assert (await api.call("GET", "/admin/users", who=admin)).status == 200


async def test_a_role_that_somebody_else_has_changed_is_not_overwritten_unseen(api: Api) -> None:
    visitor, who = await _admin(api), await api.sign_up()
    path = f"/manage/users/{who.id}"
    await visitor.open(path)
    await api.call("PUT", f"/admin/users/{who.id}/role", {"role": "admin"}, who=await api.admin())
    page = await visitor.submit(f"{path}/role", role="staff")
    assert (page.status, "Another person has changed this" in page.text) == (412, True)
    assert "Role Administrator" in page.text


async def test_an_api_key_is_created_shown_once_used_and_revoked(api: Api) -> None:
    visitor, staff = await _admin(api), await api.staff()
    await visitor.open("/manage/api-keys/new")
    fields: dict[str, str | list[str] | None] = {"name": "Kiosk", "email": staff.email}
    fields["scopes"] = ["booking", "reports"]
    fields |= {"expires_at": "2099-01-31T12:00", "holds_per_minute": "60", "max_holds_per_user": "0"}
    page = await visitor.submit("/manage/api-keys/new", fields)
    assert (page.status, page.headers["Cache-Control"]) == (201, "no-store")
    [key] = re.findall(r'<code class="new-key">(.+?)</code>', page.html)
    bearer = {"Authorization": f"Bearer {key}"}
    assert (await api.call("GET", "/admin/reservations", headers=bearer)).status == 200
    page = await visitor.open("/manage/api-keys")
    assert "Kiosk" in page.text
    [one] = [link for link in page.links if re.search(r"api-keys/\d", link)]
    page = await visitor.open(one)
    assert key not in page.html
    assert "booking, reports" in page.text
    assert "Most holds in a minute: 60" in page.text
    assert f"A Person, {staff.email}" in page.text
    assert "Most holds of a customer: no limit" in page.text
    page = await visitor.submit(f"{one}/revoke")
    assert "Revoked" in page.text
    assert (await api.call("GET", "/admin/reservations", headers=bearer)).status == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("email", "nobody@example.com"),
        ("email", "nobody"),
        ("scopes", None),
        ("expires_at", "soon"),
        ("holds_per_minute", "many"),
    ],
)
async def test_a_wrong_field_of_an_api_key_has_its_reason(api: Api, field: str, value: str | None) -> None:
    visitor, staff = await _admin(api), await api.staff()
    await visitor.open("/manage/api-keys/new")
    fields: dict[str, str | list[str] | None] = {"name": "Kiosk", "email": staff.email, "scopes": ["booking"]}
    page = await visitor.submit("/manage/api-keys/new", fields | {field: value})
    assert page.status == 422
    assert f'id="error-{field}"' in page.html
    if field != "name":
        assert ("name", "Kiosk") in page.form("/manage/api-keys/new").fields
    assert (await api.call("GET", "/admin/api-keys", who=await api.admin())).json["items"] == []


def test_a_difference_has_the_fields_that_are_not_equal() -> None:
    change = {"before": {"name": "A", "rows": 3, "note": None}, "after": {"name": "B", "rows": 3, "note": {"x": 1}}}
    assert differences_of(change, ZONE) == [Difference("name", "A", "B"), Difference("note", "", '{"x":1}')]
    assert differences_of({"before": None, "after": {"name": "A"}}, ZONE) == [Difference("name", None, "A")]
    assert differences_of({"before": {"name": "A"}, "after": None}, ZONE) == [Difference("name", "A", None)]
    assert differences_of({"before": None, "after": None}, ZONE) == []


def test_times_of_the_change_log_are_of_the_time_zone_that_its_page_names() -> None:
    change = {
        "before": {"starts_at": "2027-03-01T19:30:00+00:00", "name": "2027-03-01"},
        "after": {"starts_at": "2027-07-01T19:30:00.25+00:00", "name": "2027-03-02"},
    }
    assert differences_of(change, ZONE) == [
        Difference("starts_at", "2027-03-01 14:30:00-05:00", "2027-07-01 15:30:00.250000-04:00"),
        Difference("name", "2027-03-01", "2027-03-02"),
    ]


async def test_the_change_log_tells_who_changed_what_from_what_to_what(api: Api) -> None:
    visitor, admin = await _admin(api), await api.admin()
    movie = await api.movie(title="A Working Title")
    body = {"title": "The Final Title", "duration_minutes": 90}
    assert (await api.call("PUT", f"/admin/movies/{movie}", body, who=admin)).status == 200
    page = await visitor.open("/manage/change-log")
    assert "<del>A Working Title</del>" in page.html
    assert "Film changed" in page.text
    assert "Film created" in page.text
    assert "All times are of the time zone UTC." in page.text
    assert "<ins>The Final Title</ins>" in page.html
    assert {f"/manage/films/{movie}", f"/manage/users/{admin.id}"} <= set(page.links)


async def test_every_operation_that_the_change_log_records_has_a_plain_name(api: Api) -> None:
    document = (await api.call("GET", "/openapi.json")).json
    recorded = {
        operation["operationId"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "get" and (path == "/auth/me" or not path.startswith("/auth/"))
    }
    assert recorded - ACTIONS.keys() == set()


async def test_the_change_log_is_filtered_and_paged(api: Api) -> None:
    visitor, admin, other = await _admin(api), await api.admin(), await api.staff("admin")
    films = [await api.movie() for _ in range(52)]
    body = {"title": "By somebody else", "duration_minutes": 90}
    assert (await api.call("PUT", f"/admin/movies/{films[0]}", body, who=other)).status == 200
    page = await visitor.open("/manage/change-log")
    page = await visitor.submit("/manage/change-log", who=other.email)
    assert page.html.count("<article") == 1
    page = await visitor.submit("/manage/change-log", who="", subject=f"movie/{films[0]}")
    assert page.html.count("<article") == 2
    page = await visitor.open(f"/manage/change-log?who={admin.id}")
    [after] = [link for link in page.links if "cursor=" in link]
    page = await visitor.open(after)
    assert 0 < page.html.count("<article") < 50
    for query in ("who=nobody@example.com", "subject=movie/0", "from=2099-01-01", "to=2000-01-01", "cursor=x"):
        page = await visitor.open(f"/manage/change-log?{query}")
        assert (page.status, "No change matches." in page.text) == (200, True)


async def test_only_administrators_see_these_pages(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.staff())
    for path in ("users", "users/1", "api-keys", "api-keys/new", "api-keys/1", "change-log"):
        assert (await visitor.open(f"/manage/{path}")).status == 403
