"""The pages that show the API: strict policy, no assets of other hosts, vendored files with the listed checksums."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

import reservation
from reservation.app import TABLES
from reservation.http.app_keys import SETTINGS
from reservation.http.openapi import pages
from reservation.http.openapi.pages import add_docs
from reservation.http.openapi.problems import all_problem_types
from reservation.settings import Settings

STATIC = Path(reservation.__file__).parent / "http" / "openapi" / "static"


class Page(HTMLParser):
    """The assets that a page loads, its ids, and its inline scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        source = given.get("src") or (given.get("href") if tag == "link" else None)
        if source:
            self.loads.append(source)
        if name := given.get("id"):
            self.ids.add(name)
        if tag == "style" or (tag == "script" and "src" not in given) or "style" in given:
            self.inline.append(tag)


@pytest.fixture
async def client(aiohttp_client: Any) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    app[SETTINGS] = Settings.from_env({})
    add_docs(app, TABLES)
    made: TestClient[web.Request, web.Application] = await aiohttp_client(app)
    return made


async def test_the_document_is_304_for_its_etag(client: TestClient[web.Request, web.Application]) -> None:
    first = await client.get("/openapi.json")
    assert first.status == 200
    assert first.content_type == "application/json"
    assert (await first.json())["openapi"].startswith("3.1.")
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = await client.get("/openapi.json", headers={"If-None-Match": tag})
    assert (again.status, again.headers["ETag"], await again.read()) == (304, tag, b"")
    other = await client.get("/openapi.json", headers={"If-None-Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_has_a_strict_policy_and_all_its_assets(
    client: TestClient[web.Request, web.Application], path: str
) -> None:
    answer = await client.get(path)
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    page = Page(await answer.text())
    assert page.inline == []
    assert page.loads
    for source in page.loads:
        assert source.startswith("/static/")
        asset = await client.get(source)
        assert asset.status == 200
        again = await client.get(source, headers={"If-None-Match": asset.headers["ETag"]})
        assert again.status == 304


async def test_every_problem_type_has_an_anchor_in_the_docs(client: TestClient[web.Request, web.Application]) -> None:
    page = Page(await (await client.get("/docs")).text())
    assert {refusal.code for refusal in all_problem_types()} <= page.ids


async def test_paths_outside_the_static_folder_are_404(client: TestClient[web.Request, web.Application]) -> None:
    assert (Path(pages.__file__).parent / "document.py").exists()
    for path in ("/static/", "/static/swagger-ui/", "/static/%2e%2e/document.py", "/static/..%2fdocument.py"):
        assert (await client.get(path)).status in (403, 404)


def test_vendored_files_have_the_listed_checksums() -> None:
    listed = re.findall(r"^([0-9a-f]{64})  (\S+)$", (STATIC / "VENDORED.md").read_text(), re.MULTILINE)
    files = {file for folder in ("swagger-ui", "redoc") for file in (STATIC / folder).iterdir()}
    assert {STATIC / name for _, name in listed} == files
    for digest, name in listed:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest
