"""The log of administrative changes, which triggers write."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from ..pool import Connection
from ..statements import sql


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one thing; `before` and `after` are its row, None where there was none or its person was erased."""

    id: int
    at: datetime
    user_id: int | None
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None

    @property
    def members(self) -> dict[str, Any]:
        """All but the id, which only orders changes of the same time."""
        members = asdict(self)
        del members["id"]
        return members


async def list_changes(
    conn: Connection,
    *,
    user_id: int | None,
    subject: str | None,
    made_from: datetime,
    made_to: datetime,
    before: datetime,
    before_id: int,
    row_limit: int,
) -> Sequence[Change]:
    """A page of the changes, newest first: those of an account, of a thing, or all."""
    page = (before, before_id, made_from, made_to, row_limit)
    if subject is not None:
        rows = await conn.fetch(sql("change_log/list_of_subject"), *page, subject, user_id)
    elif user_id is not None:
        rows = await conn.fetch(sql("change_log/list_of_user"), *page, user_id)
    else:
        rows = await conn.fetch(sql("change_log/list_newest"), *page)
    return [change_of(row) for row in rows]


def change_of(row: asyncpg.Record) -> Change:
    """A change of a row of the log."""
    members = dict(row)
    return Change(**members | {"before": _shown(row["before"]), "after": _shown(row["after"])})


def _shown(text: str | None) -> dict[str, Any] | None:
    """The recorded row; its numbers with a fraction are money, but for those in the JSON of the cinema's own."""
    if text is None:
        return None
    row: dict[str, Any] = json.loads(text, parse_float=Decimal)
    if "extra_metadata" in row:
        row["extra_metadata"] = json.loads(text)["extra_metadata"]
    return row
