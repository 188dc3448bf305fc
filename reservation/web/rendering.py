"""Renders templates into pages, in the language of the reader."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from ..http.app_keys import SETTINGS
from ..http.output.responses import SingleWriteResponse
from ..runtime.locale_formats import capitalized, zone_name
from .addresses import own_path
from .assets import asset_url
from .posters.poster import poster_src
from .request_keys import LANGUAGE, USER
from .sessions.form_tokens import FIELD, form_token
from .texts.languages import NAMES, translations

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' https: data:",  # posters may be anywhere; Pico's icons are in its stylesheet
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HIDDEN_FIELD = Markup('<input type="hidden" name="{}" value="{}">')
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms without their Origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie, Accept-Language",
}
# One Jinja environment a language; the messages are chosen when a template is compiled.
ENVIRONMENTS = {code: web.AppKey(f"JINJA_{code}", jinja2.Environment) for code in NAMES}


def add_templates(app: web.Application) -> None:
    """Prepare the templates of all languages."""
    for code, key in ENVIRONMENTS.items():
        environment = aiohttp_jinja2.setup(
            app,
            app_key=key,
            loader=jinja2.FileSystemLoader(TEMPLATES),
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.install_gettext_translations(translations(code), newstyle=True)  # type: ignore[attr-defined]
        environment.globals["asset"] = asset_url
        environment.globals["poster_src"] = poster_src
        environment.globals["languages"] = NAMES
        environment.filters["capitalized"] = capitalized


def render(request: web.Request, template: str, *, status: int = 200, **context: Any) -> SingleWriteResponse:
    """A page. The template also has what `_common` gives."""
    html = render_part(request, template, **context)
    response = SingleWriteResponse(html.encode(), status=status, content_type=HTML, headers=HEADERS)
    response.headers["Content-Language"] = request[LANGUAGE].code
    # What one user sees, another must not get from a cache, nor by the Back button after the user has signed out.
    response.headers["Cache-Control"] = "private, no-cache" if request[USER] is None else "no-store"
    return response


def render_part(request: web.Request, template: str, **context: Any) -> Markup:
    """A part of a page. What it has of the user or the request must not be shown to another visitor."""
    key = ENVIRONMENTS[request[LANGUAGE].code]
    return Markup(  # noqa: S704 - the templates escape
        aiohttp_jinja2.render_string(template, request, dict(_common(request)) | context, app_key=key)
    )


def _common(request: web.Request) -> Iterator[tuple[str, Any]]:
    """What every template has: the user, the language, its formats, and a token for each form."""
    language = request[LANGUAGE]
    settings = request.app[SETTINGS]
    yield "user", request[USER]
    yield "language", language
    yield "currency", settings.currency
    yield "site_name", settings.site_name
    yield "payment_provider", settings.payment_provider
    yield "path", request.path
    yield "here", own_path(request.path_qs)  # else //elsewhere is a link that leads there
    yield "query", request.query
    yield "form_token_field", lambda: HIDDEN_FIELD.format(FIELD, form_token(request))
    formats: Mapping[str, Any] = {
        "money": language.money,
        "number": language.number,
        "day": language.day,
        "short_day": language.short_day,
        "long_day": language.long_day,
        "clock": language.clock,
        "exact_clock": language.exact_clock,
        "zoned_clock": language.zoned_clock,
        "zone_name": zone_name,
        "local_day": language.local_day,
        "moment": language.moment,
        "language_name": language.language_name,
    }
    yield from formats.items()
