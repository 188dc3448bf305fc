"""Passwords that are easy to guess are refused wherever one is set."""

import asyncio
import string
from time import process_time

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from reservation.identity import admins
from reservation.identity.password_strength import SYMBOLS, why_weak
from reservation.settings import MIN_PASSWORD_CHARS, InvalidSettings, Settings
from tests.api import PASSWORD, Api

PERSONAL = ("Ada Lovelace", "ada.lovelace@analytical-engine.example")


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "P@ssw0rd1",
        "12345678",
        "1234567890!",
        "qwertyuiop",
        "aaaaaaaaaaaaaaaa",
        "p" * 128,
        "abcabcabcabc" * 10,
        "iloveyou1",
        "19900101",
        "lovelace",
        "Ada Lovelace",
        "adalovelace",
        "ada.lovelace@analytical-engine.example",
        "analytical1",
        "password" * 16,
    ],
)
def test_a_password_that_is_easy_to_guess_is_weak(password: str) -> None:
    reason = why_weak(password, PERSONAL)
    assert reason is not None
    assert reason.startswith("This password is easy to guess.")
    assert "  " not in reason


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery staple",
        "пароль-🎬-密码",
        "demo-admin-password",
        "a new password",
        "1a0f3Xq9-pz",
        "".join(sorted(SYMBOLS)),
        "seven red lamps on the stairs" * 4,
    ],
)
def test_other_passwords_are_not(password: str) -> None:
    assert why_weak(password, PERSONAL) is None


def test_the_words_of_one_person_are_not_those_of_the_next() -> None:
    assert why_weak("analytical-engine.example", PERSONAL) is not None
    assert why_weak("analytical-engine.example", ("Grace", "grace@example.com")) is None


@pytest.mark.parametrize(
    "password",
    [
        "".join(sorted(SYMBOLS)) * 6,
        "aaaa" + "".join(sorted(SYMBOLS)) * 5,
        ("4@8({[<369" + string.ascii_lowercase) * 4,
        "aA1!" * 32,
        "4a@b8c(d{e[f<g3h6i9" * 6,
    ],
)
def test_no_password_takes_long_to_judge(password: str) -> None:
    """zxcvbn itself takes seconds for some of them."""
    why_weak("warm up", ())
    started = process_time()
    why_weak(password[:128], (*PERSONAL, "x y " * 50))
    assert process_time() - started < 0.5


@pytest.mark.parametrize(
    ("name", "email", "password"),
    [("Ada", "a@example.com", "password1"), ("Ada Lovelace", "a@example.com", "lovelace")],
)
async def test_a_weak_password_at_sign_up_is_422_with_a_reason_and_makes_no_account(
    api: Api, name: str, email: str, password: str
) -> None:
    refused = await api.call("POST", "/auth/signup", {"name": name, "email": email, "password": password})
    assert (refused.status, refused.code) == (422, "validation_error")
    [error] = refused.json["errors"]
    assert error["pointer"] == "/password"
    assert "easy to guess" in error["detail"]
    assert password not in refused.text
    assert (await api.call("POST", "/auth/signup", {"name": name, "email": email, "password": PASSWORD})).status == 201


def test_every_common_password_that_is_long_enough_is_weak() -> None:
    """The 3,000 most frequent ones of zxcvbn's list with 8 characters or more, and some with a capital letter."""
    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_PASSWORD_CHARS]
    assert len(common) > 10_000
    for position, password in enumerate(common[:3000]):
        assert why_weak(password, ()) is not None, password
        if position % 20 == 0:
            assert why_weak(password.capitalize(), ()) is not None, password


async def test_create_admin_refuses_a_weak_password(settings: Settings) -> None:
    with pytest.raises(InvalidSettings, match="easy to guess"):
        await asyncio.to_thread(admins.create_admin, settings, email="boss@example.com", password="password1")
