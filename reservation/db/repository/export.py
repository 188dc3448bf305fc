"""All that is kept about a person, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .change_log import Change, change_of
from .rows import every


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A login session, which may have ended."""

    id: UUID
    created_at: datetime
    refreshed_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptApiKey:
    """An API key, without the key."""

    id: int
    name: str
    prefix: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptIdempotencyKey:
    """An idempotency key and the reservation that it stands for, None if the request was refused."""

    key: str
    reservation_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MailedToken:
    """A token that was mailed and not used, without the token."""

    purpose: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail that was sent or waits, without what it says."""

    id: int
    kind: str
    reservation_id: UUID | None
    status: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptTicket:
    """A ticket that is good."""

    reservation_id: UUID
    seat_id: int
    created_at: datetime
    checked_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeatChange:
    """A change of the seats of a reservation."""

    reservation_id: UUID
    change: str
    changed_by: str
    reason: str | None
    changed_at: datetime


async def list_sessions(conn: Connection, *, user_id: int, after: UUID, row_limit: int) -> Sequence[KeptSession]:
    """A page of the login sessions of an account, by id."""
    return await every(conn, KeptSession, "export/list_sessions", user_id, after, row_limit)


async def list_api_keys(conn: Connection, *, user_id: int, after: int, row_limit: int) -> Sequence[KeptApiKey]:
    """A page of the API keys of an account, by id."""
    return await every(conn, KeptApiKey, "export/list_api_keys", user_id, after, row_limit)


async def list_idempotency_keys(
    conn: Connection, *, user_id: int, after: str, row_limit: int
) -> Sequence[KeptIdempotencyKey]:
    """A page of the idempotency keys of an account, by key."""
    return await every(conn, KeptIdempotencyKey, "export/list_idempotency_keys", user_id, after, row_limit)


async def list_mailed_tokens(conn: Connection, *, user_id: int) -> Sequence[MailedToken]:
    """The tokens that were mailed to the owner of an account, the oldest first."""
    return await every(conn, MailedToken, "export/list_mailed_tokens", user_id)


async def list_seat_changes(
    conn: Connection, *, reservation_ids: Sequence[UUID], row_limit: int
) -> Sequence[SeatChange]:
    """The last changes of the seats of some reservations, of each up to `row_limit`."""
    return await every(conn, SeatChange, "export/list_seat_changes", reservation_ids, row_limit)


async def list_tickets(conn: Connection, *, seats: Sequence[tuple[UUID, int, int]]) -> Sequence[KeptTicket]:
    """The tickets that are good, of seats of reservations: each a reservation, its showtime and the seat."""
    columns = [*zip(*seats, strict=True)] or [(), (), ()]
    return await every(conn, KeptTicket, "export/list_tickets", *columns)


async def list_changes(conn: Connection, *, person_id: int, after: int, row_limit: int) -> Sequence[Change]:
    """A page of the entries of the change log that concern a person, by id."""
    return [change_of(row) for row in await conn.fetch(sql("export/list_changes"), person_id, after, row_limit)]


async def list_mails(conn: Connection, *, user_id: int, after: int, row_limit: int) -> list[KeptMail]:
    """A page of the mails to a person."""
    return await every(conn, KeptMail, "export/list_mails", user_id, after, row_limit)


async def list_languages(conn: Connection, *, user_ids: Sequence[int]) -> list[str]:
    """The languages of mails to some people."""
    return [row["language"] for row in await conn.fetch(sql("export/list_languages"), user_ids)]
