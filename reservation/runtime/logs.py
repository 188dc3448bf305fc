"""Logs: one JSON object a line on standard error, with the ids of the request and its trace where there are some."""

import logging
from contextvars import ContextVar

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from . import security_log
from .log_output import standard_error
from .trace_context import TRACE

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


def configure_logs(level: str) -> None:
    """Format structlog's and the standard library's logs alike; `level` is a name such as "info"."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_ids,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(standard_error())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger(security_log.NAME).setLevel(logging.INFO)  # whatever the level of the others is


def _add_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    trace = TRACE.get()
    if trace is not None:
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    return event


def _dumps(value: object, **_: object) -> str:
    return orjson.dumps(value, default=str).decode()
