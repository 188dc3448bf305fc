"""What `serve --demo` prints: the booking in it can be pasted into a shell, whichever way is paid."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reservation.http.app_keys import SETTINGS
from reservation.seed import demo
from reservation.seed.demo_guide import guide
from reservation.settings import Settings
from tests.api import Api, Connection
from tests.conftest import make_settings
from tests.payments.stripe_account import COMPLETED, WEBHOOK, StripeAccount

STRIPE = {"PAYMENT_PROVIDER": "stripe", "STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
PUBLIC = {"PUBLIC_URL": "http://localhost:8000"}
PROVIDERS = {
    "none": {},
    "external": {"PAYMENT_PROVIDER": "external"},
    "stripe": STRIPE | PUBLIC,
    "stripe-demo": STRIPE | PUBLIC | {"STRIPE_API_BASE": "http://localhost:8420"},
}


def embedded_settings(folder: Path, **more: str) -> Settings:
    return make_settings("embedded", "embedded", folder, **more)


def test_the_guide_names_addresses_and_logins(tmp_path: Path) -> None:
    text = guide("http://localhost:8000/", embedded_settings(tmp_path))
    for needed in (
        "http://localhost:8000/docs",
        demo.ADMIN_EMAIL,
        demo.ADMIN_PASSWORD,
        demo.CUSTOMER_EMAIL,
        demo.CUSTOMER_PASSWORD,
        f"files in {tmp_path}/mail",
    ):
        assert needed in text
    assert "8000//" not in text
    assert "$$" not in text
    assert "https://tickets.example/" in guide(
        "http://localhost:8000", embedded_settings(tmp_path, PUBLIC_URL="https://tickets.example")
    )


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_guide_is_valid_shell(shell: str, provider: str, tmp_path: Path) -> None:
    text = guide("http://localhost:8000", embedded_settings(tmp_path, **PROVIDERS[provider]))
    _, _, script = text.partition("python3):\n")
    checked = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert ("/confirm" in script, "/pay" in script) == (provider == "none", provider != "none")


async def book(api: Api) -> str:
    """What the guide's commands print on a service with the demo's data."""
    await asyncio.to_thread(demo.seed, api.database_url, with_admin=True)
    base_url = str(api.client.make_url("")).rstrip("/")
    settings = api.client.app[SETTINGS]
    # The administrator's password is only known where the service has stores of its own.
    text = guide(base_url, replace(settings, database_url=None))
    _, _, script = text.partition("python3):\n")
    running = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await running.communicate()
    return printed.decode()


async def test_the_guide_books_where_no_payment_is_taken(api: Api, db: Connection) -> None:
    printed = await book(api)
    assert await db.fetchval("select status from reservations") == "confirmed", printed


async def test_the_guide_books_with_payments_that_are_made_elsewhere(external_api: Api, db: Connection) -> None:
    printed = await book(external_api)
    assert await db.fetchval("select status from reservations") == "confirmed", printed
    assert '"succeeded"' in printed


async def test_the_guide_pays_on_the_page_of_the_stripe_demo(
    paid_api: Api, stripe: StripeAccount, db: Connection
) -> None:
    await stripe.send_webhooks_to(str(paid_api.client.make_url(WEBHOOK)), COMPLETED)
    printed = await book(paid_api)
    await stripe.send_webhooks_to(str(paid_api.client.make_url(WEBHOOK)))
    assert await db.fetchval("select status from payments") == "succeeded", printed
    assert await db.fetchval("select status from reservations") == "confirmed", printed
    assert f"Pay in a browser: {stripe.url}/checkout/" in printed
