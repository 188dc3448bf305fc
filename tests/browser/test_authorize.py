"""The Authorize button of /docs: after e-mail address and password, the page's requests are signed in."""

import json
from pathlib import Path

import pytest

from tests.api import PASSWORD, Api
from tests.browser.devtools import Tab, opened, present
from tests.browser.test_docs import ARGUMENTS, CHROMIUM

# These two are for a page that is looked at once.
QUIET = [argument for argument in ARGUMENTS if argument != "--dump-dom" and "virtual-time" not in argument]
ME = "[id$=operations-Accounts-me]"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found: apt-get install chromium")


async def authorize(tab: Tab, email: str, password: str) -> None:
    await tab.click(".auth-wrapper .authorize")
    await tab.type("#oauth_username", email)
    await tab.type("#oauth_password", password)
    await tab.click(".auth-container:has(#oauth_username) button.authorize")


async def test_the_authorize_dialog_logs_in(api: Api, service: str, tmp_path: Path) -> None:
    person = await api.sign_up()
    async with opened(str(CHROMIUM), QUIET, f"{service}/docs", tmp_path) as tab:
        await authorize(tab, person.email, PASSWORD)
        await tab.until("!!" + present("[aria-label='Remove authorization']"))
        await tab.click(".dialog-ux .close-modal")
        await tab.click(f"{ME} .opblock-summary-control")
        await tab.click(f"{ME} .try-out__btn")
        await tab.click(f"{ME} .execute")
        body = await tab.until(f"{present(f'{ME} .live-responses-table .microlight')}?.innerText")
        assert json.loads(body)["email"] == person.email
        assert tab.complaints == []


async def test_the_authorize_dialog_shows_a_wrong_password(api: Api, service: str, tmp_path: Path) -> None:
    person = await api.sign_up()
    async with opened(str(CHROMIUM), QUIET, f"{service}/docs", tmp_path) as tab:
        await authorize(tab, person.email, "a wrong one")
        told = await tab.until(f"{present('.auth-container .errors')}?.innerText")
    assert "invalid_grant" in told
