"""Connections whose every failure is answered with problem details, those that the middleware never sees included.

aiohttp answers in plain text, and counts and logs nothing, where its HTTP parser fails and where it does not know an
expectation.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn, cast

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from aiohttp.web_urldispatcher import MatchInfoError

from .app_keys import LOAD_SHEDDING, SETTINGS
from .arrival_refusals import Refusing
from .connection_limits import ConnectionLimits
from .cors import allow_any_listed, has_cors_alone
from .direct_routes import add_direct_routes
from .head_deadlines import HeadDeadlines
from .lingering_close import close_lingering, linger
from .middleware import respond
from .output.problems import HttpProblem, protocol_problem
from .parser_problems import parser_problem
from .tracing import trace_requests
from .unread_answers import UnreadAnswers

REFUSED_S = 1.0  # so long a connection that is refused may last in all: some send nothing that can be answered
UNKNOWN_PATH = "-"  # in the access log

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ServiceRunner(web.AppRunner):
    """Runs the application on such connections, and finds its operations directly."""

    async def _make_server(self) -> web.Server:
        server = _Server(self.app, await super()._make_server())
        routes, shedding = add_direct_routes(server, self.app), self.app[LOAD_SHEDDING]
        if routes is not None and shedding is not None and has_cors_alone(self.app):
            server.refusing = Refusing(self.app, routes, shedding)
        trace_requests(server, self.app)
        return server


class _Server(web.Server):
    """Serves the application; what aiohttp has made for it is the model."""

    def __init__(self, app: web.Application, made: web.Server) -> None:
        make_request: Any = made.request_factory
        super().__init__(
            partial(_by_application, made.request_handler),
            request_factory=partial(make_request, _cls=_request_class(app)),
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,  # noqa: SLF001 - aiohttp has no public way to a server with another RequestHandler
            **made._kwargs,  # noqa: SLF001 - as above
        )
        self.app = app
        self.limits = ConnectionLimits(app[SETTINGS])
        self.heads = HeadDeadlines(app[SETTINGS].body_s)
        self.refusing: Refusing | None = None  # at a request's arrival; without it the middleware refuses
        self._unread = UnreadAnswers(self._connections.values)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's own
        """As aiohttp does, which waits up to twice for `timeout`; clients that do not read are waited for no longer."""
        self._unread.hurry((timeout or 0.0) / 2)
        await super().shutdown(timeout)
        self._unread.end()

    def __call__(self) -> RequestHandler:
        """A new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    """A client's connection."""

    __slots__ = ("_address", "_begun", "_refusal", "_refusing")

    def __init__(self, server: _Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._refusing = server.refusing
        self._begun = -1  # number of the request whose head has its deadline

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As aiohttp does, unless the connection is refused."""
        manager: Any = self._manager
        self._address, self._refusal = manager.limits.admit(transport)
        if self._refusal is None:
            RequestHandler.connection_made(self, transport)
        else:
            self.transport = cast("asyncio.Transport", transport)
            if manager.limits.begin_refusal():
                self._loop.call_later(REFUSED_S, transport.close)
            else:
                self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """As aiohttp does."""
        manager: Any = self._manager
        if self._address and manager is not None:
            manager.limits.release(self._address)
        if self._refusal is None:
            if self._begun >= 0 and manager is not None:
                manager.heads.drop(self)
            RequestHandler.connection_lost(self, exc)
        elif manager is not None:
            manager.limits.end_refusal()

    def data_received(self, data: bytes) -> None:
        """As aiohttp does, which leaves a request waiting for the rest of a body that turns out to be malformed.

        While requests are refused, those that come alone on an idle connection may be refused here.
        """
        if self._refusal is not None:
            transport, self.transport = self.transport, None
            if transport is not None and not transport.is_closing():
                transport.write(self._refusal())
                close_lingering(transport)
            return
        if self._refusing is not None and self._refusing.shedding.is_tight and self._is_idle():
            self._receive_or_refuse(self._refusing, data)
            return
        RequestHandler.data_received(self, data)
        waiter = self._waiter
        if not (self._request_count if waiter is None else waiter.done()):  # None also before the first is waited for
            self._begin_head(data)
        if self._current_request is not None and self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            content = self._current_request.content
            if not content.is_eof():
                self._messages.pop()
                linger(self)
                content.set_exception(web.RequestPayloadError("malformed"))

    def _begin_head(self, data: bytes) -> None:
        """A part of a head has come and no whole one: from the first on it has its deadline.

        An empty line is no part of one (RFC 9112, 2.2). A head that begins before the answer to the request before is
        sent counts from its next piece on: until then the connection is like an idle one.
        """
        if self._begun == self._request_count or not data.strip(b"\r\n"):
            return
        self._begun = self._request_count
        manager: Any = self._manager
        due_at = manager.heads.start(self, self._end_late_head)
        # The time for which the connection may be idle does not end while a head comes.
        self._next_keepalive_close_time = due_at + self._keepalive_timeout

    def _end_late_head(self) -> None:
        """Answer 408, as to a request that the parser has refused, unless the head is whole by now."""
        waiter: Any = self._waiter
        manager: Any = self._manager
        if self._begun != self._request_count or waiter is None or waiter.done():
            return
        detail = f"The head of the request did not come within {manager.heads.limit_s:.0f} s."
        self._request_count += 1
        self._messages.append((_ErrInfo(408, HttpProblem(408, "request_timeout", detail), detail), EMPTY_PAYLOAD))
        waiter.set_result(None)

    def _is_idle(self) -> bool:
        waiter, transport = self._waiter, self.transport
        return (
            waiter is not None
            and not waiter.done()
            and not self._messages
            and not (self._close or self._force_close or self._upgraded)
            and self._payload_parser is None
            and transport is not None
            and not transport.get_write_buffer_size()
        )

    def _receive_or_refuse(self, refusing: Refusing, data: bytes) -> None:
        """As aiohttp's data_received, with an answer in between."""
        parser: Any = self._parser
        manager: Any = self._manager
        transport: Any = self.transport
        waiter: Any = self._waiter
        try:
            messages, upgraded, tail = parser.feed_data(data)
        except HttpProcessingError as error:
            messages, upgraded, tail = [(_ErrInfo(400, error, error.message), EMPTY_PAYLOAD)], False, b""
        if len(messages) == 1 and not upgraded and isinstance(messages[0][0], RawRequestMessage):
            answer = refusing.answer(*messages[0])
            if answer is not None:
                parser.message_consumed()
                self._request_count += 1
                manager.requests_count += 1
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                transport.write(answer)
                return
        self._request_count += len(messages)
        self._messages.extend(messages)
        if messages:
            waiter.set_result(None)
        else:
            self._begin_head(data)
        if not self._buffer_paused and len(self._messages) >= self._max_msg_queue_size:
            self._pause_reading_for_buffer()  # the parser keeps the rest until reading is resumed
        self._upgraded = upgraded
        if upgraded and tail:
            self._message_tail = tail

    def resume_reading(self, resume_parser: bool = True) -> None:
        """As aiohttp does, which also calls the parser and the transport where nothing was paused."""
        if self._reading_paused or self._buffer_paused:
            RequestHandler.resume_reading(self, resume_parser)

    def _make_error_handler(self, err_info: Any) -> Any:
        """Answer a request that the parser has refused, of which nothing is known but its error."""
        manager: Any = self._manager
        linger(self)

        async def refuse(request: Any) -> web.StreamResponse:
            _match_nothing(request, manager.app, web.HTTPBadRequest())
            request._version = HttpVersion11  # noqa: SLF001 - what aiohttp sets itself
            response = await respond(request, partial(_refuse, parser_problem(err_info.exc)), UNKNOWN_PATH)
            allow_any_listed(manager.app, response)
            return response

        return refuse

    def handle_error(self, request: Any, status: int = 500, exc: Any = None, message: str | None = None) -> Any:
        """Answer a request that failed before the middleware, by a defect or because its client has disconnected."""
        if isinstance(exc, ConnectionError):
            raise exc
        self.log_exception("internal_error", exc_info=exc)
        response = protocol_problem(request_id := secrets.token_hex(8), status, {})
        response.headers["X-Request-ID"] = request_id
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log defects, and not what clients send or that they are gone."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError | ConnectionError):
            super().log_exception(*args, **kw)


def _request_class(app: web.Application) -> type[web.Request]:
    """Requests of this application, which aiohttp finds by two calls, ten times in a request; `in` raises nothing."""
    return type("Request", (web.Request,), {"app": app, "__contains__": _has})


def _has(request: Any, key: object) -> bool:
    return key in request._state  # noqa: SLF001 - as aiohttp's Request does, whose `in` catches a KeyError


def _by_application(application: Serve, request: Any) -> Awaitable[web.StreamResponse]:
    """aiohttp's Application answers the request; it looks at Expect before its middleware."""
    return _with_expectation(application, request) if "Expect" in request.headers else application(request)


async def _with_expectation(application: Serve, request: web.Request) -> web.StreamResponse:
    most, declared = request.app[SETTINGS].max_body_bytes, request.content_length or 0
    if declared > most:  # before the client is told to go on
        too_large = web.HTTPRequestEntityTooLarge(max_size=most, actual_size=declared)
        _match_nothing(request, request.app, too_large)
        return await respond(request, partial(_refuse, too_large), request.path)
    try:
        return await application(request)
    except web.HTTPException as error:
        return await respond(request, partial(_refuse, error), request.path)


def _match_nothing(request: Any, app: web.Application, error: web.HTTPException) -> None:
    """Let a request that no operation gets be recorded like others."""
    match = MatchInfoError(error)
    match.add_app(app)
    request._match_info = match  # noqa: SLF001 - what aiohttp's Application sets


async def _refuse(error: Exception, _: web.Request) -> NoReturn:
    raise error
