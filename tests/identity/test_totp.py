"""One-time passwords (TOTP): enrolment, logins with a code, recovery codes, and administrators who need them."""

import asyncio
import re

import pyotp
import pytest

from reservation.identity import admins
from reservation.identity.totp import STEP_S, step_of
from reservation.settings import Settings
from tests.api import Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.authenticator import code_of, enrol, log_in


async def test_after_the_enrolment_a_login_needs_a_code(api: Api) -> None:
    person = await api.sign_up()
    secret, _ = await enrol(api, person)

    without = await log_in(api, person)
    wrong = await log_in(api, person, "000000" if code_of(secret) != "000000" else "000001")
    right = await log_in(api, person, code_of(secret))

    assert (without.status, without.code) == (401, "totp_required")
    assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    assert right.status == 200


async def test_the_code_is_not_asked_for_with_a_wrong_password(api: Api) -> None:
    """Otherwise the answer would tell that the password is right, to who guesses passwords."""
    person = await api.sign_up()
    await enrol(api, person)
    refused = await api.call("POST", "/auth/login", {"email": person.email, "password": "not the password"})
    assert (refused.status, refused.code) == (401, "invalid_credentials")


async def test_an_enrolment_that_is_not_confirmed_changes_no_login(api: Api) -> None:
    person = await api.sign_up()
    begun = (await api.call("POST", "/auth/totp", who=person)).json
    again = (await api.call("POST", "/auth/totp", who=person)).json
    assert begun["secret"] != again["secret"]
    assert begun["otpauth_uri"].startswith("otpauth://totp/")
    assert begun["secret"] in begun["otpauth_uri"]

    replaced = await api.call("POST", "/auth/totp/confirm", {"code": code_of(begun["secret"])}, who=person)

    assert (replaced.status, replaced.code) == (401, "invalid_credentials")
    assert (await log_in(api, person)).status == 200
    assert (await api.call("GET", "/auth/totp", who=person)).json == {
        "enrolled": False,
        "confirmed_at": None,
        "recovery_codes_left": 0,
    }


async def test_a_code_is_good_for_one_login_also_of_two_at_once(api: Api) -> None:
    person = await api.sign_up()
    secret, _ = await enrol(api, person)
    code = code_of(secret, later=1)

    answers = await asyncio.gather(*(log_in(api, person, code) for _ in range(5)))

    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401, 401]
    earlier = await log_in(api, person, code_of(secret))
    assert earlier.status == 401  # a code that was on the screen before the spent one


@pytest.mark.parametrize("second", [0, 29])
async def test_a_code_is_of_its_step_the_one_before_or_the_one_after(second: int) -> None:
    """At a fixed time: no code of these steps equals another one."""
    secret, now = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 59_000_000
    found = {
        later: step_of(secret, pyotp.TOTP(secret).generate_otp(now + later), at_s=now * STEP_S + second)
        for later in range(-4, 5)
    }
    taken = {-1: now - 1, 0: now, 1: now + 1}
    assert found == {later: taken.get(later) for later in range(-4, 5)}


@pytest.mark.parametrize("later", [3, 2880])
async def test_a_code_of_a_later_time_is_refused(api: Api, later: int) -> None:
    """A later one alone, as the enrolment has spent the steps before it."""
    person = await api.sign_up()
    secret, _ = await enrol(api, person)
    assert (await log_in(api, person, code_of(secret, later=later))).status == 401


async def test_a_recovery_code_stands_in_for_the_app_once(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    _, codes = await enrol(api, person)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{6}-){3}[0-9A-HJKMNP-TV-Z]{6}", code) for code in codes)

    first = await log_in(api, person, codes[0].lower().replace("-", " "))
    again = await log_in(api, person, codes[0])

    assert (first.status, again.status) == (200, 401)
    left = (await api.call("GET", "/auth/totp", who=person)).json
    assert (left["enrolled"], left["recovery_codes_left"]) == (True, 9)
    stored = str(await db.fetch("select * from totp_secrets"))
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


async def test_wrong_codes_count_as_failed_logins(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3")
    person = await api.sign_up()
    secret, _ = await enrol(api, person)
    for _ in range(3):
        assert (await log_in(api, person, "1234567")).status == 401
    refused = await log_in(api, person, code_of(secret))
    assert (refused.status, refused.code) == (429, "too_many_attempts")


async def test_after_ten_wrong_codes_in_an_hour_all_codes_of_an_account_are_refused_and_recovery_codes_are_not(
    start_api: StartApi, db: Connection
) -> None:
    """Without the limits in Redis, which are none while Redis does not answer."""
    api = await start_api(LOGIN_FAILURES="0", LOGIN_FAILURES_PER_ACCOUNT="0", LOGIN_FAILURES_PER_ADDRESS="0")
    person, other = await api.sign_up(), await api.sign_up()
    (secret, codes), (others_secret, _) = await enrol(api, person), await enrol(api, other)
    right = {code_of(secret, later=later) for later in range(-5, 6)}
    wrong = [code for number in range(60) if (code := f"{number:06d}") not in right][:30]

    answers = await asyncio.gather(*(log_in(api, person, code) for code in wrong))
    refused = await log_in(api, person, code_of(secret))

    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 20
    assert (refused.status, refused.code) == (429, "too_many_attempts")
    assert refused.headers["RateLimit-Policy"] == '"totp";q=10;w=3600'
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    removed = await api.call("DELETE", "/auth/totp", {"code": code_of(secret)}, who=person)
    assert removed.status == 429
    assert (await log_in(api, person, codes[0])).status == 200
    assert (await log_in(api, other, code_of(others_secret))).status == 200
    await db.execute("update totp_secrets set wrong_codes_since = wrong_codes_since - interval '1 hour'")
    assert (await log_in(api, person, code_of(secret))).status == 200


async def test_right_codes_neither_count_as_wrong_nor_clear_the_count(api: Api, db: Connection) -> None:
    """Otherwise each login of the owner would allow further guesses."""
    person = await api.sign_up()
    secret, _ = await enrol(api, person)
    code = code_of(secret)
    for expected in (200, 401, 401):
        assert (await log_in(api, person, code)).status == expected
    assert (await log_in(api, person, code_of(secret, later=1))).status == 200
    assert await db.fetchval("select wrong_codes from totp_secrets") == 2


async def test_wrong_codes_of_an_enrolment_are_limited(api: Api) -> None:
    person = await api.sign_up()
    secret = (await api.call("POST", "/auth/totp", who=person)).json["secret"]
    for _ in range(10):
        wrong = await api.call("POST", "/auth/totp/confirm", {"code": "1"}, who=person)
        assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    await api.call("POST", "/auth/totp", who=person)
    refused = await api.call("POST", "/auth/totp/confirm", {"code": code_of(secret)}, who=person)
    assert (refused.status, refused.code) == (429, "too_many_attempts")


async def test_a_second_factor_is_removed_with_a_code_and_a_second_one_is_refused(api: Api) -> None:
    person = await api.sign_up()
    secret, codes = await enrol(api, person)
    second = await api.call("POST", "/auth/totp", who=person)
    assert (second.status, second.code) == (409, "totp_enrolled")
    confirmed = await api.call("POST", "/auth/totp/confirm", {"code": code_of(secret)}, who=person)
    assert (confirmed.status, confirmed.code) == (409, "totp_enrolled")

    wrong = await api.call("DELETE", "/auth/totp", {"code": "ABCDEF"}, who=person)
    removed = await api.call("DELETE", "/auth/totp", {"code": codes[3]}, who=person)

    assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    assert removed.status == 204
    assert (await log_in(api, person)).status == 200


async def test_the_password_form_of_oauth_takes_a_code(api: Api) -> None:
    person = await api.sign_up()
    secret, _ = await enrol(api, person)
    form = {"username": person.email, "password": person.password}
    for fields, status in ((form, 401), (form | {"totp_code": code_of(secret)}, 200)):
        async with api.client.post("/auth/login", data=fields) as answer:
            assert answer.status == status


async def test_a_guest_has_no_second_factor(api: Api) -> None:
    made = await api.call("POST", "/auth/guest", {"name": "Grace", "email": "grace@example.com"})
    guest = Person(made.json["user"]["id"], "grace@example.com", made.json["access_token"], "")
    refused = await api.call("POST", "/auth/totp", who=guest)
    assert (refused.status, refused.code) == (403, "forbidden")
    confirmed = await api.call("POST", "/auth/totp/confirm", {"code": "123456"}, who=guest)
    assert (confirmed.status, confirmed.code) == (404, "not_found")


async def test_administrators_need_a_second_factor_where_the_setting_says_so(start_api: StartApi) -> None:
    api, free = await start_api(ADMIN_TOTP="required"), await start_api()
    admin = await free.admin()
    made = await free.make("/admin/api-keys", {"name": "A", "user_id": admin.id, "scopes": ["catalogue"]})
    assert (await free.call("GET", "/admin/movies", who=admin)).status == 200

    refused = await api.call("GET", "/admin/movies", who=admin)
    by_key = await api.call("GET", "/admin/movies", who=Person(0, "", made["key"], ""))
    await enrol(api, admin)

    assert (refused.status, refused.code) == (403, "totp_enrolment_required")
    assert by_key.status == 200
    assert (await api.call("GET", "/admin/movies", who=admin)).status == 200


async def test_without_a_second_factor_administrators_have_no_rights_of_staff_on_operations_of_customers(
    start_api: StartApi,
) -> None:
    api, free = await start_api(ADMIN_TOTP="required", PAYMENT_PROVIDER="external"), await start_api()
    cinema, customer, admin = await free.cinema(), await free.sign_up(), await free.admin()
    made = await free.make("/admin/api-keys", {"name": "A", "user_id": admin.id, "scopes": ["booking"]})
    held = await free.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    path = f"/reservations/{held.json['id']}"
    calls = (
        ("GET", path, None),
        ("POST", f"{path}/pay", {"provider": "external"}),
        ("POST", f"{path}/cancel", None),
        ("POST", f"/showtimes/{cinema.showtime_id}/holds", {"seat_ids": cinema.seat_ids[1:2]}),
    )

    for method, called, body in calls:
        refused = await api.call(method, called, body, who=admin)
        assert (refused.status, refused.code) == (403, "totp_enrolment_required"), called
    assert (await api.call("GET", path, who=customer)).json["status"] == "held"
    assert (await api.call("GET", path, who=await free.staff())).status == 200
    assert (await api.call("GET", path, who=Person(0, "", made["key"], ""))).status == 200
    assert (await api.call("GET", "/auth/me", who=admin)).status == 200
    await enrol(api, admin)
    for method, called, body in calls:
        assert (await api.call(method, called, body, who=admin)).status in {200, 201}, called


async def test_create_admin_removes_a_second_factor_that_is_lost(api: Api, settings: Settings) -> None:
    admin = await api.admin()
    await enrol(api, admin)
    await asyncio.to_thread(admins.create_admin, settings, email=admin.email, password=admin.password)
    assert (await log_in(api, admin)).status == 200


async def test_an_erased_account_leaves_no_secret(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    await enrol(api, person)
    erased = await api.call("DELETE", "/auth/me", {"password": person.password}, who=person)
    assert erased.status == 204
    assert await db.fetchval("select count(*) from totp_secrets") == 0
