"""Refuses requests at their arrival, while more come than can be answered."""

from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage

from ..runtime.load_shedding import LoadShedding
from .app_keys import RECORDS
from .cors import cors_lines
from .direct_routes import DirectRoutes
from .middleware import new_request_id
from .output.refusals import refusal


class Refusing:
    """Refuses requests at their arrival, before any task works for them: the parser has read them, and that is all.

    To refuse later costs twice as much. What is not an ordinary request, for which this would have to know more than
    its method and path, goes the way of all others: the middleware refuses it.
    """

    def __init__(self, app: web.Application, routes: DirectRoutes, shedding: LoadShedding) -> None:
        self._app, self._records = app, app[RECORDS]
        self._routes = routes
        self.shedding = shedding

    def answer(self, message: RawRequestMessage, payload: Any) -> bytes | None:
        """The 503 of a request whose gate is closed; None if the request is to be served or is not an ordinary one."""
        if (
            message.should_close
            or message.version != HttpVersion11
            or not payload.is_eof()
            or "Expect" in message.headers
            or self._records.draining.is_set()
        ):
            return None
        gate = self._routes.closed_gate(message.method, message.path)
        if gate is None:
            return None
        gate.refuse()
        lines = self._records.further_lines + cors_lines(self._app, message.headers)
        return refusal(new_request_id(message.headers), gate.lane, lines)
