"""localstripe as a process of its own, for the whole run, and a service that uses it."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.api import Api
from tests.conftest import PATIENT, StartApi
from tests.faults.conftest import data_dir, made_once  # noqa: F401 - fixtures
from tests.payments.stripe_account import StripeAccount
from tests.ports import free_port


@pytest.fixture(scope="session")
def stripe_url() -> Iterator[str]:
    """The address of localstripe."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.payments.stripe_server", str(port)])
    url = f"http://127.0.0.1:{port}"
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/js.stripe.com/v3/").close()  # noqa: S310 - the URL is ours
            break
        except urllib.error.URLError:
            continue
    yield url
    process.kill()
    process.wait()


@pytest.fixture
async def stripe(stripe_url: str) -> AsyncIterator[StripeAccount]:
    """The account."""
    async with aiohttp.ClientSession() as session:
        yield StripeAccount(stripe_url, session)


@pytest.fixture
async def paid_api(start_api: StartApi, stripe: StripeAccount) -> Api:
    """A service that is paid by Stripe."""
    return await start_api(**PATIENT, **stripe.settings)


@pytest.fixture
async def external_api(start_api: StartApi) -> Api:
    """A service whose payments are made elsewhere."""
    return await start_api(**PATIENT, PAYMENT_PROVIDER="external")
