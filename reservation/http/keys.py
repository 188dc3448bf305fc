"""Typed keys of what hangs on the application and on a request."""

from typing import Any

from aiohttp import web

from ..accounts import Accounts
from ..booking import Stores
from ..database import Database
from ..settings import Settings
from ..tokens import Claims, TokenMint

SETTINGS = web.AppKey("SETTINGS", Settings)
DATABASE = web.AppKey("DATABASE", Database)
STORES = web.AppKey("STORES", Stores)
ACCOUNTS = web.AppKey("ACCOUNTS", Accounts)
TOKENS = web.AppKey("TOKENS", TokenMint)

USER = web.RequestKey("USER", Claims)
# What the operation's schema made of the input: the handler that names the schema knows the type.
BODY = web.RequestKey[Any]("BODY")
QUERY = web.RequestKey[Any]("QUERY")
REQUEST_ID = web.RequestKey("REQUEST_ID", str)
