"""The admission that a caller sends with a hold of a showtime that has a waiting room.

Staff, administrators and API keys need none: they sell to people who stand at a counter or a kiosk, and an API key has
limits of its own.
"""

from aiohttp import web

from ..identity.verifiers import ApiKeyIdentity
from .app_keys import CALLER, WAITING_ROOMS
from .routes import STAFF_ROLES

HEADER = "Admission-Token"


class CallerAdmission:
    """The admission of a request; it is only read where a showtime has a waiting room."""

    __slots__ = ("_request",)

    def __init__(self, request: web.Request) -> None:
        self._request = request

    def admits(self, showtime_id: int) -> bool:
        """Whether the caller needs no admission, or has sent one that is good for the showtime."""
        caller = self._request[CALLER]
        if isinstance(caller, ApiKeyIdentity) or caller.user.role in STAFF_ROLES:
            return True
        token = self._request.headers.get(HEADER, "")
        return self._request.app[WAITING_ROOMS].signer.admits(token, showtime_id, caller.user_id)
