"""Serve the OpenAPI document, and two pages that show it; all assets are served from here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from pathlib import Path

import aiohttp_jinja2
import jinja2
import orjson
from aiohttp import web

from ...runtime.process_metrics import installed_version
from ...settings import Settings
from ..app_keys import SETTINGS
from ..input.bodies import refuse_body
from ..input.queries import refuse_query
from ..output.fixed_files import TYPES, fixed_body, fixed_file, fixed_response
from ..output.responses import JSON, SingleWriteResponse
from ..routes import VERSION_PREFIX, Routes
from .document import document
from .problems import all_problem_types

PACKAGE = Path(__file__).parent
Page = Callable[[web.Request], Awaitable[web.StreamResponse]]

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
# ReDoc inserts an empty <style>, which it fills through the CSSOM, and one with a fixed text: their hashes allow only
# these two. Its search is a worker whose code is text in the bundle. A new version of ReDoc may need new hashes; the
# browser's console and the browser test show them.
REDOC_POLICY = POLICY | {
    "style-src": "'self'"
    " 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    " 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
    "worker-src": "blob:",
}


def add_docs(app: web.Application, tables: tuple[Routes, ...]) -> None:
    """Add /openapi.json of these tables, under VERSION_PREFIX too; /docs, /redoc and their assets under /static/."""
    aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(PACKAGE / "templates"))
    openapi = _fixed(openapi_json(app[SETTINGS], tables))
    pages: dict[str, Page] = {
        "/openapi.json": openapi,
        f"{VERSION_PREFIX}/openapi.json": openapi,
        "/docs": _page("docs.html", POLICY, problems=all_problem_types()),  # Swagger UI, and the table of problem codes
        "/redoc": _page("redoc.html", REDOC_POLICY),
    }
    # One route a file, so that a path without a file is answered like any unknown route.
    for asset in sorted(path for path in (PACKAGE / "static").rglob("*") if path.is_file()):
        pages[f"/{asset.relative_to(PACKAGE).as_posix()}"] = partial(_asset, asset)
    for path, page in pages.items():
        app.router.add_get(path, _without_input(page))


def openapi_json(settings: Settings, tables: tuple[Routes, ...]) -> bytes:
    """The OpenAPI document of these tables, encoded."""
    return _document_json(tables, settings.currency, settings.max_body_bytes)


@cache  # it takes some 50 ms, and a process may have several applications
def _document_json(tables: tuple[Routes, ...], currency: str, max_body_bytes: int) -> bytes:
    return orjson.dumps(document(tables, version=installed_version(), currency=currency, max_body_bytes=max_body_bytes))


def _without_input(page: Page) -> Page:
    """Refuse query parameters and bodies, as the operations of the API do."""

    async def handler(request: web.Request) -> web.StreamResponse:
        refuse_query(request)
        await refuse_body(request)
        return await page(request)

    return handler


def _page(template: str, policy: Mapping[str, str], **context: object) -> Page:
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
    }

    async def handler(request: web.Request) -> web.StreamResponse:
        page = aiohttp_jinja2.render_string(template, request, context)
        return SingleWriteResponse(page.encode(), content_type="text/html; charset=utf-8", headers=headers)

    return handler


def _fixed(body: bytes) -> Page:
    """A handler for this JSON."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return fixed_response(request, fixed_body(body), JSON)

    return handler


async def _asset(path: Path, request: web.Request) -> web.StreamResponse:
    fixed, kind = await asyncio.to_thread(fixed_file, path), TYPES[path.suffix]
    return fixed_response(request, fixed, kind)
