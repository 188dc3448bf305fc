"""Headers that every response has for the safety of its reader, whatever it is and whoever sends it."""

from collections.abc import Mapping

import pytest

from tests.api import Api
from tests.conftest import StartApi

PUBLIC = ("/health", "/movies", "/openapi.json", "/docs", "/", "/nowhere", "/static/docs/docs.css")
PRIVATE = ("/auth/me", "/auth/sessions", "/reservations", "/admin/users", "/admin/change-log", "/auth/me/export")


async def headers_of(api: Api, method: str, path: str, token: str | None = None) -> Mapping[str, str]:
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    async with api.client.request(method, path, headers=sent, allow_redirects=False) as response:
        await response.read()
        return response.headers.copy()


@pytest.mark.parametrize("cors", ["", "https://friend.example"])
async def test_no_response_lets_browsers_guess_its_type_or_names_a_version(start_api: StartApi, cors: str) -> None:
    """With CORS, aiohttp sends the responses."""
    api = await start_api(CORS_ORIGINS=cors)
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        for path in PUBLIC:
            headers = await headers_of(api, method, path)
            assert headers.getall("X-Content-Type-Options") == ["nosniff"], (method, path)  # type: ignore[attr-defined] # a multidict
            assert headers["Server"] == "reservation", (method, path)


async def test_json_is_no_page_that_loads_or_is_framed(api: Api) -> None:
    for method, path in (("GET", "/health"), ("HEAD", "/movies"), ("GET", "/auth/me")):
        policy = (await headers_of(api, method, path))["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'", path


async def test_what_is_private_and_every_problem_is_not_stored(api: Api) -> None:
    admin = await api.admin()
    for method in ("GET", "HEAD"):
        for path in PRIVATE:
            assert (await headers_of(api, method, path, admin.access_token))["Cache-Control"] == "no-store", path
    for path in ("/auth/me", "/movies/4711", "/nowhere"):
        assert (await headers_of(api, "GET", path))["Cache-Control"] == "no-store", path
    ended = await headers_of(api, "DELETE", "/auth/sessions/00000000-0000-0000-0000-000000000000", admin.access_token)
    assert ended["Cache-Control"] == "no-store"


async def test_the_programme_may_be_stored(api: Api) -> None:
    cinema = await api.cinema()
    for path in (f"/showtimes/{cinema.showtime_id}/seats", f"/auditoriums/{cinema.auditorium_id}/layout"):
        assert "no-store" not in (await headers_of(api, "GET", path))["Cache-Control"], path


async def test_browsers_use_tls_alone_where_the_site_has_it(start_api: StartApi) -> None:
    for public_url, expected in (("https://cinema.example", "max-age=31536000"), ("http://cinema.example", None)):
        api = await start_api(PUBLIC_URL=public_url)
        for path in PUBLIC:
            headers = await headers_of(api, "GET", path)
            assert headers.get("Strict-Transport-Security") == expected, path


async def test_the_method_trace_echoes_nothing(api: Api) -> None:
    """It would show a script what the browser has sent."""
    async with api.client.request("TRACE", "/movies", headers={"X-Secret": "a secret"}) as response:
        assert response.status == 405
        assert "a secret" not in await response.text()
