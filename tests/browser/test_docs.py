"""The pages that show the API: they render under their policy, without other hosts."""

import pytest
from playwright.async_api import Page

from reservation.app import TABLES

SUMMARIES = sorted({operation.summary for table in TABLES for operation in table.operations})


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_renders_every_operation(page: Page, path: str) -> None:
    async with page.expect_response("**/openapi.json"):
        await page.goto(path)
    # By default it looks at each frame, and the page, which has no time left, does not get on.
    await page.wait_for_function(
        "texts => texts.every(text => document.body.textContent.includes(text))", arg=SUMMARIES, polling=500
    )
