"""Typed keys of what a request for a page carries."""

from typing import TYPE_CHECKING

from aiohttp import web
from multidict import MultiDict

if TYPE_CHECKING:
    from ..db.repository.accounts import User
    from .texts.languages import Language

# Its presence says that the request is for a page, so that its errors are pages, too.
IS_PAGE: "web.RequestKey[bool]" = web.RequestKey("IS_PAGE")
# Who is signed in; None for a visitor.
USER: "web.RequestKey[User | None]" = web.RequestKey("USER")
# The access token that calls of the API are made with; None for a visitor.
ACCESS_TOKEN: "web.RequestKey[str | None]" = web.RequestKey("ACCESS_TOKEN")
LANGUAGE: "web.RequestKey[Language]" = web.RequestKey("LANGUAGE")
# The fields of the form of a POST.
FORM: "web.RequestKey[MultiDict[str]]" = web.RequestKey("FORM")
# Set-Cookie headers that the response is to have, whatever becomes of the request.
SET_COOKIES: "web.RequestKey[list[str]]" = web.RequestKey("SET_COOKIES")
# The random value that the request's forms are bound to.
FORM_SECRET: "web.RequestKey[str]" = web.RequestKey("FORM_SECRET")
# The Reservation-Written of the last write of this request's calls of the API.
WRITTEN_NOW: "web.RequestKey[str]" = web.RequestKey("WRITTEN_NOW")
