"""The messages about limits: which was reached, how many there may be, and the setting that has it."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from reservation import limit_texts
from reservation.limit_texts import ON_ATTEMPTS, ON_CUSTOMERS, attempts_text

SETTINGS = dotenv_values(Path(__file__).parents[2] / ".env.example", interpolate=False)
SETTING = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
OTHERS = [text for name, text in vars(limit_texts).items() if name.isupper() and isinstance(text, str)]


@pytest.mark.parametrize(
    "text", [*ON_CUSTOMERS.values(), *(attempts_text(policy, 5, 60) for policy in ON_ATTEMPTS), *OTHERS]
)
def test_a_text_names_settings_that_exist(text: str) -> None:
    assert [name for name in SETTING.findall(text) if name not in SETTINGS] == []


@pytest.mark.parametrize(
    ("window_s", "shown"), [(60, "a minute"), (3600, "an hour"), (86_400, "a day"), (900, "15 minutes"), (45, "45 s")]
)
def test_a_text_has_the_number_and_its_time(window_s: int, shown: str) -> None:
    text = attempts_text("login", 10, window_s)
    assert text.startswith(f"Too many failed logins to this account from your address: at most 10 in {shown} ")
