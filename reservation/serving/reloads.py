"""A worker's part in a reload: reads and compares its statements when the supervisor says so, and swaps them."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection

from structlog.stdlib import BoundLogger

from ..db.sql_overrides import compare
from ..db.statements import StatementsRefused, serving, use, with_overrides
from ..runtime.metrics import RELOADS
from ..settings import Settings
from .orders import Order, Reply, digest_of


class Reloads:
    """Obeys the orders of one supervisor, one at a time; a newer one takes the place of one under way."""

    def __init__(self, settings: Settings, line: Connection, log: BoundLogger) -> None:
        self._settings = settings
        self._line = line
        self._log = log
        self._preparing: asyncio.Task[None] | None = None
        self._prepared: Mapping[str, str] | None = None

    def start(self) -> None:
        """Listen from now on, in the running event loop."""
        asyncio.get_running_loop().add_reader(self._line.fileno(), self._obey)

    def stop(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._line.fileno())
        self._drop()

    def _obey(self) -> None:
        try:
            order: Order = self._line.recv()
        except (EOFError, OSError):  # there is no supervisor any more, and our own end is near
            self.stop()
            return
        if order.word == "prepare":
            self._drop()
            self._preparing = asyncio.create_task(self._prepare(order.round))
        elif order.word == "drop":
            self._drop()
            self._answer(Reply(order.round))
        elif self._prepared is not None:
            self._swap(self._prepared)
            self._answer(Reply(order.round))
        else:
            self._answer(Reply(order.round, fault="has nothing prepared"))

    async def _prepare(self, number: int) -> None:
        try:
            statements = await asyncio.to_thread(with_overrides, self._settings.sql_dir)
            await compare(self._settings, serving(), statements)
        except StatementsRefused as error:
            RELOADS.labels("refused").inc()
            self._log.warning("statements_refused", reason=str(error))
            self._answer(Reply(number, fault=str(error)))
        else:
            self._prepared = statements
            self._answer(Reply(number, digest=digest_of(statements)))

    def _swap(self, statements: Mapping[str, str]) -> None:
        before = serving()
        use(statements)
        RELOADS.labels("taken").inc()
        changed = [name for name, text in statements.items() if text != before[name]]
        self._log.info("statements_reloaded", changed=changed)
        self._drop()

    def _drop(self) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = self._prepared = None

    def _answer(self, reply: Reply) -> None:
        with suppress(OSError):  # the supervisor is gone
            self._line.send(reply)
