"""Limits on failed logins and sign-ups: what counts for whom, and what happens without Redis."""

import asyncio
import re
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from structlog.testing import capture_logs

from reservation.identity import attempt_limits as attempts, passwords
from tests.api import PASSWORD, Answer, Api, Connection
from tests.conftest import StartApi
from tests.faults.proxy import Proxy

ADA, BOB = "ada@example.com", "bob@example.com"
PROXIED = {"TRUSTED_PROXIES": "127.0.0.0/8"}


async def sign_up(api: Api, email: str = ADA, *, at: str = "198.51.100.1") -> Answer:
    body = {"name": "Somebody", "email": email, "password": PASSWORD}
    return await api.call("POST", "/auth/signup", body, headers={"X-Forwarded-For": at})


async def log_in(api: Api, email: str = ADA, password: str = PASSWORD, *, at: str = "198.51.100.1") -> Answer:
    body = {"email": email, "password": password}
    return await api.call("POST", "/auth/login", body, headers={"X-Forwarded-For": at})


async def fail(api: Api, times: int, email: str = ADA, *, at: str = "198.51.100.1") -> list[int]:
    return [(await log_in(api, email, "a wrong one", at=at)).status for _ in range(times)]


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed or verified."""
    spent: list[str] = []
    for name in ("hash_password", "verify_password"):
        original = getattr(passwords, name)

        def spy(*arguments: str, original: Any = original) -> Any:
            spent.append(arguments[-1])
            return original(*arguments)

        monkeypatch.setattr(passwords, name, spy)
    return spent


async def test_after_too_many_failures_the_right_password_is_429(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3")
    await sign_up(api)
    assert await fail(api, 5) == [401, 401, 401, 429, 429]
    refused = await log_in(api)
    assert (refused.status, refused.code) == (429, "too_many_attempts")
    assert "at most 3 in 15 minutes (LOGIN_FAILURES)" in refused.json["detail"]
    assert refused.headers["Content-Type"].startswith("application/problem+json")


async def test_a_429_has_retry_after_and_ratelimit_headers(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="2", LOGIN_WINDOW_MINUTES="3")
    await fail(api, 2)
    refused = await log_in(api)
    wait_s = int(refused.headers["Retry-After"])
    assert 0 < wait_s <= 180
    assert refused.headers["RateLimit-Policy"] == '"login";q=2;w=180'
    assert refused.headers["RateLimit"] == f'"login";r=0;t={wait_s}'


async def test_unknown_addresses_are_limited_like_known_ones(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="2")
    await sign_up(api)
    assert await fail(api, 3, ADA) == await fail(api, 3, "nobody@example.com") == [401, 401, 429]


async def test_any_case_and_either_login_form_count_for_one_account(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3")
    assert await fail(api, 1, "Ada@Example.com") + await fail(api, 1, "ADA@EXAMPLE.COM") == [401, 401]
    form = {"username": "aDa@example.com", "password": "a wrong one"}
    assert [(await api.call("POST", "/auth/login", data=form)).status for _ in range(2)] == [401, 429]
    assert (await log_in(api)).status == 429


DOTTED = "\u0130"  # an i in PostgreSQL's lower(), an i and a dot above in Unicode's case folding
LONG_S = "\u017f"  # an s in Unicode's case folding, while lower() leaves it alone


async def test_spellings_that_postgresql_folds_alike_count_for_one_account(start_api: StartApi, db: Connection) -> None:
    assert await db.fetchval("select lower($1)", DOTTED) == "i"
    api = await start_api(LOGIN_FAILURES="3", LOGIN_FAILURES_PER_ACCOUNT="4")
    await sign_up(api, "iiii@example.com")
    spellings = [f"{'i' * at}{DOTTED}{'i' * (3 - at)}@example.com" for at in range(4)]
    assert [(await fail(api, 1, spelling))[0] for spelling in spellings] == [401, 401, 401, 429]
    for spelling in ("iiii@example.com", *spellings):
        refused = await log_in(api, spelling)
        assert (refused.status, refused.code) == (429, "too_many_attempts")


async def test_spellings_that_lower_leaves_apart_count_for_one_account(start_api: StartApi, db: Connection) -> None:
    assert await db.fetchval("select lower($1)", LONG_S) == LONG_S
    api = await start_api(LOGIN_FAILURES="2", LOGIN_FAILURES_PER_ACCOUNT="2")
    assert (await sign_up(api, "sam@example.com")).status == 201
    assert await fail(api, 3, f"{LONG_S}am@example.com") == [401, 401, 429]
    assert (await log_in(api, "sam@example.com")).status == 429


async def test_unknown_addresses_are_folded_like_known_ones(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="2")
    await sign_up(api, "iiii@example.com")
    for name in ("iii", "uii"):
        spellings = [f"{DOTTED}{name}@example.com", f"i{name}@example.com", f"I{name}@example.com"]
        assert [(await fail(api, 1, spelling))[0] for spelling in spellings] == [401, 401, 429]


async def test_a_refused_login_costs_no_hash_in_any_spelling(start_api: StartApi, hashed: list[str]) -> None:
    api = await start_api(LOGIN_FAILURES="1")
    assert await fail(api, 1, "iiii@example.com") == [401]
    hashed.clear()
    assert (await log_in(api, f"{DOTTED}iii@example.com")).status == 429
    assert hashed == []


async def test_a_success_does_not_count_and_clears_failures(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", LOGIN_FAILURES_PER_ACCOUNT="7", LOGIN_FAILURES_PER_ADDRESS="7")
    await sign_up(api)
    assert {(await log_in(api)).status for _ in range(8)} == {200}
    assert await fail(api, 2) == [401, 401]
    assert (await log_in(api)).status == 200
    assert await fail(api, 3) == [401, 401, 401]
    assert (await log_in(api)).status == 429


async def test_many_concurrent_successes_do_not_count(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="2", LOGIN_FAILURES_PER_ACCOUNT="2", LOGIN_FAILURES_PER_ADDRESS="2")
    await sign_up(api)
    answers = await asyncio.gather(*(log_in(api) for _ in range(12)))
    assert {answer.status for answer in answers} == {200}


async def test_of_concurrent_guesses_only_as_many_as_the_limit_get_401(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3")
    await sign_up(api)
    guesses = [*(f"wrong {number}" for number in range(20)), PASSWORD]
    answers = await asyncio.gather(*(log_in(api, password=guess) for guess in guesses[:-1]))
    assert sorted(answer.status for answer in answers) == [401] * 3 + [429] * 17
    assert (await log_in(api)).status == 429


async def test_a_right_password_is_429_if_the_window_fills_during_its_verification(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await start_api(LOGIN_FAILURES="2")
    await sign_up(api)
    original = passwords.PasswordWorkers.verify
    at_it, go_on = asyncio.Event(), asyncio.Event()

    async def slow(self: passwords.PasswordWorkers, password_hash: str | None, password: str) -> bool:
        if password == PASSWORD:
            at_it.set()
            await go_on.wait()
        return await original(self, password_hash, password)

    monkeypatch.setattr(passwords.PasswordWorkers, "verify", slow)
    late = asyncio.create_task(log_in(api))
    await at_it.wait()
    assert await fail(api, 2) == [401, 401]
    go_on.set()
    assert (await late).status == 429


async def test_refused_logins_and_sign_ups_cost_no_hash(start_api: StartApi, hashed: list[str]) -> None:
    api = await start_api(LOGIN_FAILURES="1", SIGNUPS_PER_MINUTE_PER_ADDRESS="1")
    assert (await sign_up(api)).status == 201
    assert await fail(api, 1) == [401]
    assert hashed[-2:] == [PASSWORD, "a wrong one"]
    hashed.clear()
    assert (await log_in(api)).status == 429
    assert (await sign_up(api, BOB)).status == 429
    assert hashed == []


async def test_instances_share_the_limits(start_api: StartApi) -> None:
    limits = {"LOGIN_FAILURES": "3", "SIGNUPS_PER_MINUTE_PER_ADDRESS": "2"}
    one, other = await start_api(**limits), await start_api(**limits)
    assert [(await sign_up(each, email)).status for each, email in ((one, ADA), (other, BOB))] == [201, 201]
    assert (await sign_up(other, "eve@example.com")).status == (await sign_up(one, "eve@example.com")).status == 429
    assert await fail(one, 2) + await fail(other, 2) == [401, 401, 401, 429]
    assert (await log_in(one)).status == 429


async def test_a_guesser_does_not_lock_out_the_owner(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", LOGIN_FAILURES_PER_ACCOUNT="6", **PROXIED)
    await sign_up(api)
    assert await fail(api, 9, at="203.0.113.6") == [401] * 3 + [429] * 6
    assert (await log_in(api, at="203.0.113.6")).status == 429
    assert (await log_in(api, at="198.51.100.1")).status == 200


async def test_a_burst_from_one_address_does_not_fill_the_accounts_window(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", LOGIN_FAILURES_PER_ACCOUNT="6", **PROXIED)
    await sign_up(api)
    await asyncio.gather(*(fail(api, 1, at="203.0.113.6") for _ in range(20)))
    assert (await log_in(api, at="198.51.100.1")).status == 200


async def test_many_addresses_fill_the_accounts_window_which_exempts_the_owner(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", LOGIN_FAILURES_PER_ACCOUNT="6", **PROXIED)
    await sign_up(api)
    assert (await log_in(api, at="198.51.100.1")).status == 200

    assert [status for last in range(3) for status in await fail(api, 3, at=f"203.0.113.{last}")] == [401] * 6 + [
        429
    ] * 3

    refused = await log_in(api, at="198.51.100.77")
    assert (refused.status, refused.headers["RateLimit-Policy"]) == (429, '"login-by-account";q=6;w=900')
    assert (await log_in(api, at="198.51.100.1")).status == 200
    assert await fail(api, 4, at="198.51.100.1") == [401, 401, 401, 429]


async def test_one_address_that_tries_many_accounts_is_limited(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", LOGIN_FAILURES_PER_ADDRESS="5", **PROXIED)
    await sign_up(api)
    tried = [(await fail(api, 1, f"person{number}@example.com"))[0] for number in range(7)]
    assert tried == [401] * 5 + [429] * 2
    refused = await log_in(api)
    assert (refused.status, refused.headers["RateLimit-Policy"]) == (429, '"login-by-address";q=5;w=900')
    assert (await log_in(api, at="198.51.100.2")).status == 200


async def test_a_success_does_not_clear_failures_at_other_accounts(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES_PER_ADDRESS="3")
    await sign_up(api, BOB)
    for _ in range(3):
        assert (await log_in(api, BOB)).status == 200
        assert await fail(api, 1) == [401]
    assert (await log_in(api, BOB)).status == 429


@pytest.mark.parametrize("proxies", [{}, {"TRUSTED_PROXIES": "10.0.0.0/8"}])
async def test_x_forwarded_for_is_ignored_without_a_trusted_proxy(start_api: StartApi, proxies: dict[str, str]) -> None:
    api = await start_api(LOGIN_FAILURES="3", **proxies)
    assert [(await fail(api, 1, at=f"203.0.113.{last}"))[0] for last in range(5)] == [401] * 3 + [429] * 2


async def test_behind_a_trusted_proxy_only_the_address_it_appended_counts(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", **PROXIED)
    spoofed = [f"203.0.113.{last}, 198.51.100.9" for last in range(5)]
    assert [(await fail(api, 1, at=at))[0] for at in spoofed] == [401] * 3 + [429] * 2
    assert await fail(api, 1, at="203.0.113.1") == [401]


async def test_addresses_of_an_ipv6_64_are_one_client(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3", **PROXIED)
    assert [(await fail(api, 1, at=f"2001:db8:0:7::{host:x}"))[0] for host in range(1, 6)] == [401] * 3 + [429] * 2
    assert await fail(api, 1, at="2001:db8:0:8::1") == [401]


async def test_sign_ups_of_an_address_are_limited(start_api: StartApi) -> None:
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="2", **PROXIED)
    emails = [f"person{number}@example.com" for number in range(3)]
    assert [(await sign_up(api, email)).status for email in emails] == [201, 201, 429]
    refused = await sign_up(api, emails[0])
    assert (refused.status, refused.headers["RateLimit-Policy"]) == (429, '"signup-by-address";q=2;w=60')
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert (await sign_up(api, emails[2], at="198.51.100.2")).status == 201
    assert (await log_in(api, emails[0])).status == 200


async def test_sign_ups_of_an_account_are_limited(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SIGNUPS_PER_EMAIL", 3)
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="100", **PROXIED)
    spellings = (ADA, ADA.upper(), ADA.title(), ADA)
    answers = [await sign_up(api, email, at=f"203.0.113.{last}") for last, email in enumerate(spellings)]
    assert [answer.status for answer in answers] == [201, 409, 409, 429]
    assert answers[-1].headers["RateLimit-Policy"] == '"signup-by-account";q=3;w=60'


async def test_sign_ups_of_an_account_in_all_spellings_are_counted_together(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "SIGNUPS_PER_EMAIL", 2)
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="100")
    spellings = [f"{first}iii@example.com" for first in ("i", DOTTED, "I")]
    assert [(await sign_up(api, email)).status for email in spellings] == [201, 409, 429]
    assert (await sign_up(api, "uiii@example.com")).status == 201


async def test_invalid_input_does_not_count(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="1", SIGNUPS_PER_MINUTE_PER_ADDRESS="1")
    for _ in range(3):
        assert (await log_in(api, ADA, "")).status == 422
        assert (await sign_up(api, "no address")).status == 422
    assert (await sign_up(api)).status == 201
    assert await fail(api, 2) == [401, 429]


async def test_without_limits_nothing_but_sign_ups_of_an_account_is_counted(
    start_api: StartApi, redis_url: str
) -> None:
    api = await start_api()
    assert await fail(api, 20) == [401] * 20
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        assert await client.keys(f"{attempts.PREFIX}:*") == []
        await sign_up(api)
        [key] = await client.keys(f"{attempts.PREFIX}:*")
        assert str(key).startswith("attempts:signup-by-account/")


async def test_sign_ups_of_an_account_are_limited_without_a_limit_for_addresses(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "SIGNUPS_PER_EMAIL", 2)
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="0")
    answers = [await sign_up(api) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 409, 429]
    assert answers[-1].headers["RateLimit-Policy"] == '"signup-by-account";q=2;w=60'
    assert (await sign_up(api, BOB)).status == 201


async def test_redis_keys_contain_no_address_and_expire(start_api: StartApi, redis_url: str) -> None:
    api = await start_api(
        LOGIN_FAILURES="2",
        LOGIN_FAILURES_PER_ACCOUNT="2",
        LOGIN_FAILURES_PER_ADDRESS="2",
        SIGNUPS_PER_MINUTE_PER_ADDRESS="2",
        **PROXIED,
    )
    await sign_up(api)
    await log_in(api)
    await fail(api, 1)
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        keys = [str(key) for key in await client.keys(f"{attempts.PREFIX}:*")]
        lives_s = {key: await client.ttl(key) for key in keys}
    assert len(keys) == 6
    assert not any("ada" in key or "198.51" in key for key in keys)
    assert {re.sub(r"[0-9a-f]{32}", "*", key): life_s > 0 for key, life_s in lives_s.items()} == {
        "attempts:known:*:*": True,
        "attempts:login/*:*/2/900/second": True,
        "attempts:login-by-address/*/2/900/second": True,
        "attempts:login-by-account/*/2/900/second": True,
        "attempts:signup-by-address/*/2/60/second": True,
        "attempts:signup-by-account/*/60/60/second": True,
    }


async def test_a_flood_is_503_and_does_not_lift_the_limits(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MAX_IN_FLIGHT", 0)
    api = await start_api(LOGIN_FAILURES="2", SIGNUPS_PER_MINUTE_PER_ADDRESS="2")
    for refused in (await log_in(api), await sign_up(api)):
        assert (refused.status, refused.code) == (503, "overloaded")
    monkeypatch.undo()
    assert await fail(api, 3) == [401, 401, 429]


async def until_limited(api: Api) -> None:
    """Fail until that is refused: on a busy machine Redis may not have answered the first time."""
    async with asyncio.timeout(20):
        while (await log_in(api, ADA, "a wrong one")).status != 429:
            await asyncio.sleep(0.05)


async def test_nothing_is_limited_while_redis_does_not_answer(
    start_api: StartApi, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "REDIS_RETRY_S", 0.2)
    async with Proxy(redis_url) as redis:
        api = await start_api(REDIS_URL=redis.url, LOGIN_FAILURES="2", SIGNUPS_PER_MINUTE_PER_ADDRESS="2")
        await sign_up(api)
        await until_limited(api)

        await redis.cut()
        assert await fail(api, 4) == [401] * 4
        assert (await log_in(api)).status == 200
        assert (await sign_up(api, BOB)).status == 201
        assert (await sign_up(api, "eve@example.com")).status == 201

        await redis.open()
        await until_limited(api)


async def test_a_redis_failure_is_logged_once_per_retry_period(start_api: StartApi, redis_url: str) -> None:
    structlog.reset_defaults()
    async with Proxy(redis_url) as redis:
        api = await start_api(REDIS_URL=redis.url, LOGIN_FAILURES="2")
        await redis.cut()
        with capture_logs() as logs:
            await asyncio.gather(*(fail(api, 1) for _ in range(5)))
            await fail(api, 5)
    said = [line for line in logs if line["event"] == "attempts_not_limited"]
    assert [line["log_level"] for line in said] == ["warning"]
