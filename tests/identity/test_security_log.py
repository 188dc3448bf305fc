"""The security log: who came in, who was refused, and who changed whose rights; without secrets."""

import logging

import pytest

from reservation.runtime.logs import configure_logs
from reservation.runtime.security_log import NAME
from tests.api import Api, Person
from tests.conftest import StartApi
from tests.identity.authenticator import code_of, enrol, log_in
from tests.web.visitor import visitor_of


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, NAME)
    return caplog


def events(log: pytest.LogCaptureFixture, event: str) -> list[dict[str, object]]:
    """The fields of the events of one kind so far."""
    return [vars(record) for record in log.records if record.name == NAME and record.getMessage() == event]


async def test_logins_and_failures_have_the_account_and_the_address(api: Api, log: pytest.LogCaptureFixture) -> None:
    person = await api.sign_up()
    await api.call("POST", "/auth/login", {"email": person.email, "password": "not the password"})
    await api.call("POST", "/auth/login", {"email": "stranger@example.com", "password": "not the password"})

    [made], [login], refused = events(log, "sign_up"), events(log, "login"), events(log, "login_refused")
    assert (made["subject_id"], login["user_id"], login["address"]) == (person.id, person.id, "127.0.0.1")
    assert [(each["user_id"], each["address"], each["factor"]) for each in refused] == [
        (person.id, "127.0.0.1", "password"),
        (None, "127.0.0.1", "password"),
    ]


async def test_a_wrong_code_of_the_second_factor_has_an_event(api: Api, log: pytest.LogCaptureFixture) -> None:
    person = await api.sign_up()
    secret, _ = await enrol(api, person)
    await log_in(api, person, "1")
    await api.call("DELETE", "/auth/totp", {"code": code_of(secret)}, who=person)
    assert [each["factor"] for each in events(log, "login_refused")] == ["totp"]
    for event in ("totp_begun", "totp_confirmed", "totp_removed"):
        assert [each["user_id"] for each in events(log, event)] == [person.id], event


async def test_wrong_passwords_and_codes_within_a_session_have_events(api: Api, log: pytest.LogCaptureFixture) -> None:
    person = await api.sign_up()
    wrong_password = {"current_password": "not the password", "new_password": "another new password"}
    await api.call("POST", "/auth/password", wrong_password, who=person)
    await api.call("DELETE", "/auth/me", {"password": "not the password"}, who=person)
    await api.call("POST", "/auth/totp", who=person)
    await api.call("POST", "/auth/totp/confirm", {"code": "1"}, who=person)
    secret, codes = await enrol(api, person)
    again = {"password": person.password, "totp_code": codes[0][:-1]}
    await api.call("POST", "/auth/reauthenticate", again, who=person)
    await api.call("DELETE", "/auth/totp", {"code": code_of(secret, later=2880)}, who=person)

    refused = events(log, "reauthentication_refused")
    assert [each["factor"] for each in refused] == ["password", "password", "totp", "totp", "totp"]
    assert {(each["user_id"], each["address"]) for each in refused} == {(person.id, "127.0.0.1")}
    assert events(log, "login_refused") == []


async def test_the_login_and_the_logout_of_a_session_have_its_id_and_the_login_its_factor(
    api: Api, log: pytest.LogCaptureFixture
) -> None:
    person = await api.sign_up()
    await api.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})
    again = await api.log_in(person.id, person.email)
    secret, codes = await enrol(api, again)
    await log_in(api, person, code_of(secret))
    await log_in(api, person, codes[0])
    visitor = await visitor_of(api)
    await visitor.open("/sign-in")
    await visitor.submit("/sign-in", email=person.email, password=person.password)
    await visitor.submit("/sign-in", password=person.password, totp_code=codes[1])
    await visitor.submit("/sign-out")

    logins, logouts = events(log, "login"), events(log, "logout")
    assert [each["factor"] for each in logins] == ["password", "password", "totp", "recovery_code", "recovery_code"]
    assert [(each["user_id"], each["session_id"]) for each in logouts] == [
        (person.id, logins[0]["session_id"]),
        (person.id, logins[-1]["session_id"]),
    ]


async def test_changes_of_rights_have_who_whom_and_what(api: Api, log: pytest.LogCaptureFixture) -> None:
    admin, other = await api.admin(), await api.sign_up()
    await api.call("PUT", f"/admin/users/{other.id}/role", {"role": "staff"}, who=admin)
    made = await api.make("/admin/api-keys", {"name": "A", "user_id": other.id, "scopes": ["booking"]})
    await api.call("DELETE", f"/admin/api-keys/{made['id']}", who=admin)
    await api.call("PUT", f"/admin/users/{other.id}/disabled", {"disabled": True}, who=admin)

    [role], [key], [end], [disabled] = (
        events(log, event) for event in ("role_changed", "api_key_created", "api_key_revoked", "account_disabled")
    )
    assert (role["user_id"], role["subject_id"], role["role"]) == (admin.id, other.id, "staff")
    assert (key["user_id"], key["subject_id"], key["key_id"]) == (admin.id, other.id, made["id"])
    assert (end["user_id"], end["key_id"]) == (admin.id, made["id"])
    assert (disabled["user_id"], disabled["subject_id"]) == (admin.id, other.id)
    assert made["key"] not in log.text


async def test_sessions_and_refusals_have_events_and_no_secret_is_in_any(
    api: Api, log: pytest.LogCaptureFixture
) -> None:
    person = await api.sign_up()
    await api.call("GET", "/admin/users", who=person)
    await api.call("GET", "/auth/me", who=Person(0, "", "a.b.c", ""))
    await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    await api.call("DELETE", "/auth/sessions", who=person)
    await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})

    refused = [(each["user_id"], each["reason"], each["path"]) for each in events(log, "refused")]
    assert refused[:2] == [(person.id, "Forbidden", "/admin/users"), (None, "InvalidToken", "/auth/me")]
    assert [each["user_id"] for each in events(log, "sessions_ended")] == [person.id]
    assert [each["user_id"] for each in events(log, "refresh_refused")] == [person.id]
    written = str([vars(record) for record in log.records if record.name == NAME])
    for secret in (person.access_token, person.refresh_token, person.password, person.email):
        assert secret not in written


async def test_it_is_written_whatever_the_level_of_the_log_is(
    start_api: StartApi, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logs("error")
        assert logging.getLogger(NAME).isEnabledFor(logging.INFO)
        assert not logging.getLogger("reservation.http").isEnabledFor(logging.INFO)
    finally:
        root.handlers, root.level = handlers, level
