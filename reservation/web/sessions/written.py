"""What a browser has written, as a place in the WAL: what its pages read from a replica has it.

The cookie lasts a little longer than a replica may lag. Without it, the browser has written nothing for so long that
every replica in use has it.
"""

from aiohttp import web

from ...http.app_keys import REPLICAS
from ...http.replica_reads import NOTHING, UNKNOWN, WRITTEN
from ..request_keys import SET_COOKIES, WRITTEN_NOW
from .cookies import set_cookie

WRITTEN_COOKIE = "__Host-written"
LONGER_S = 60  # than READ_MAX_LAG_SECONDS: a browser's clock counts a little faster, and a response takes its time


def written_by(request: web.Request) -> str | None:
    """The value of Reservation-Written for what a page reads; None where nothing is read from replicas."""
    if REPLICAS not in request.app:
        return None
    return request.get(WRITTEN_NOW) or request.cookies.get(WRITTEN_COOKIE) or NOTHING


def keep_written(request: web.Request, response: web.StreamResponse | None) -> None:
    """Keep what the API's response to a write says; None for one that failed, and has written or not."""
    replicas = request.app.get(REPLICAS)
    written = UNKNOWN if response is None else response.headers.get(WRITTEN)
    if replicas is None or written is None:
        return
    request[WRITTEN_NOW] = written
    request[SET_COOKIES][:] = [each for each in request[SET_COOKIES] if not each.startswith(f"{WRITTEN_COOKIE}=")]
    set_cookie(request, WRITTEN_COOKIE, written, max_age_s=int(replicas.max_lag_s) + LONGER_S)
