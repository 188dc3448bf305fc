"""Typed keys of what hangs on the application and on a request."""

from typing import Any

from aiohttp import web

from ..access_log import AccessLog
from ..accounts import Accounts
from ..api_keys import ApiKeys
from ..best_available import BestAvailable
from ..booking import Stores
from ..database import Database
from ..idempotency import IdempotencyKeys
from ..key_holders import KeyHolder
from ..live import Live
from ..repository.idempotency import Claim
from ..sessions import Session, Sessions
from ..settings import Settings
from .seat_maps import SeatMaps

SETTINGS = web.AppKey("SETTINGS", Settings)
DATABASE = web.AppKey("DATABASE", Database)
STORES = web.AppKey("STORES", Stores)
BEST_AVAILABLE = web.AppKey("BEST_AVAILABLE", BestAvailable)
SEAT_MAPS = web.AppKey("SEAT_MAPS", SeatMaps)
LIVE = web.AppKey("LIVE", Live)
ACCOUNTS = web.AppKey("ACCOUNTS", Accounts)
API_KEYS = web.AppKey("API_KEYS", ApiKeys)
SESSIONS = web.AppKey("SESSIONS", Sessions)
IDEMPOTENCY = web.AppKey("IDEMPOTENCY", IdempotencyKeys)
ACCESS_LOG = web.AppKey("ACCESS_LOG", AccessLog)

USER = web.RequestKey[Session | KeyHolder]("USER")
# What the operation's schema made of the input: the handler that names the schema knows the type.
BODY = web.RequestKey[Any]("BODY")
QUERY = web.RequestKey[Any]("QUERY")
# What the Idempotency-Key stands for, if there is one.
CLAIM = web.RequestKey("CLAIM", Claim)
# Of a stream: when its first byte went out, in seconds since its request came in.
ANSWERED_S = web.RequestKey("ANSWERED_S", float)
REQUEST_ID = web.RequestKey("REQUEST_ID", str)
