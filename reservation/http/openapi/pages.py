"""The OpenAPI document, and the two pages that show it without any asset from elsewhere."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp_jinja2
import jinja2
import orjson
from aiohttp import ETag, web

from ...settings import Settings
from ..app_keys import SETTINGS
from ..bodies import refuse_body, refuse_query
from ..routes import Routes
from .document import document
from .problems import every_refusal

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
# ReDoc inserts an empty <style>, filled through the CSSOM, and one whose text is always the same: each is let in by
# its hash and no other is. Its search is a worker that its bundle carries as text. A new version of it may need new
# hashes; the browser's console and the browser test say which.
REDOC_POLICY = POLICY | {
    "style-src": "'self'"
    " 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    " 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
    "worker-src": "blob:",
}


def add_docs(app: web.Application, tables: Sequence[Routes]) -> None:
    """Add /openapi.json of these tables, /docs, /redoc and their assets under /static/."""
    aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(PACKAGE / "templates"))
    pages: dict[str, Page] = {
        "/openapi.json": _fixed(openapi_json(app[SETTINGS], tables)),
        "/": _to_docs,
        "/docs": swagger_ui,
        "/redoc": redoc,
    }
    # One route a file, so that a path without a file is answered like any unknown route.
    for asset in sorted(path for path in (PACKAGE / "static").rglob("*") if path.is_file()):
        pages[f"/{asset.relative_to(PACKAGE).as_posix()}"] = _asset(asset)
    for path, page in pages.items():
        app.router.add_get(path, _without_input(page))


def openapi_json(settings: Settings, tables: Sequence[Routes]) -> bytes:
    """The OpenAPI document of these tables, as it is served."""
    made = document(tables, version=_version(), currency=settings.currency, max_body_bytes=settings.max_body_bytes)
    return orjson.dumps(made)


def _without_input(page: Page) -> Page:
    """Refuse query parameters and a body, as the API does."""

    async def handler(request: web.Request) -> web.StreamResponse:
        refuse_query(request)
        await refuse_body(request)
        return await page(request)

    return handler


async def _to_docs(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/docs"})


async def swagger_ui(request: web.Request) -> web.StreamResponse:
    """The document in Swagger UI, and what the codes of the problems mean."""
    context = {"problems": every_refusal()}
    return _strict(aiohttp_jinja2.render_template("docs.html", request, context), POLICY)


async def redoc(request: web.Request) -> web.StreamResponse:
    """The document in ReDoc."""
    return _strict(aiohttp_jinja2.render_template("redoc.html", request, None), REDOC_POLICY)


def _fixed(body: bytes) -> Page:
    """A handler that always answers this JSON, or 304 to those who have it."""
    tag = hashlib.sha256(body).hexdigest()[:32]

    async def answer(request: web.Request) -> web.StreamResponse:
        have = any(known.value in ("*", tag) for known in request.if_none_match or ())
        response = web.Response(status=304) if have else web.Response(body=body, content_type="application/json")
        response.etag = ETag(tag)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return answer


def _asset(path: Path) -> Page:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(path)

    return answer


def _strict(page: web.Response, policy: Mapping[str, str]) -> web.StreamResponse:
    page.headers["Content-Security-Policy"] = "; ".join(f"{name} {sources}" for name, sources in policy.items())
    page.headers["Cache-Control"] = "no-cache"
    page.headers["Referrer-Policy"] = "no-referrer"
    page.headers["X-Content-Type-Options"] = "nosniff"
    return page


def _version() -> str:
    try:
        return version("reservation")
    except PackageNotFoundError:  # run from the tree, without an installation
        return "0"
