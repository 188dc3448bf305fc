"""Everything that the service keeps about the caller, as one JSON document that is written page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from time import perf_counter
from typing import Any, get_args
from uuid import UUID

import structlog
from aiohttp import web
from marshmallow import Schema, fields, validate

from ...db.pool import Connection
from ...db.repository import account_tokens, accounts, box_office, erasure, export, totp
from ...db.repository.box_office import MAX_CHANGES, CustomerReservationPage, ReservationFilter
from ...errors import InvalidToken
from ...identity.api_key_format import Scope
from ...runtime.fields import Id, Instant
from ..app_keys import CALLER
from ..output.reservations import reservation_members
from ..output.responses import encode
from ..output.schemas import CustomerReservationWithChangesOutput, ListedUserOutput
from ..output.streams import begin_stream
from ..replica_reads import read
from ..routes import Access, Routes
from .admin_change_log import ChangeOutput
from .payments import ListedPaymentOutput, read_payments
from .reservations import FAR_AHEAD, HIGHEST
from .second_factor import TotpOutput, totp_members

routes = Routes("Accounts", Access.SIGNED_IN)

PAGE = 100  # of each list; as much is in memory at a time
LOWEST = UUID(int=0)

log = structlog.stdlib.get_logger("reservation.export")
Rows = AsyncIterator[Sequence[object]]


class KeptSessionOutput(Schema):
    """A login session, which may have ended."""

    id = fields.UUID(required=True)
    created_at = Instant(required=True)
    refreshed_at = Instant(required=True, allow_none=True)
    expires_at = Instant(required=True)
    revoked_at = Instant(required=True, allow_none=True)


class KeptApiKeyOutput(Schema):
    """An API key that acts for the account."""

    id = Id(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True)
    scopes = fields.List(fields.String(validate=validate.OneOf([*Scope])), required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    last_used_at = Instant(required=True, allow_none=True)
    revoked_at = Instant(required=True, allow_none=True)


class KeptIdempotencyKeyOutput(Schema):
    """An idempotency key of the last day."""

    key = fields.String(required=True)
    reservation_id = fields.UUID(required=True, allow_none=True)
    created_at = Instant(required=True)


class MailedTokenOutput(Schema):
    """A token that was mailed and not used: what for and when, without the token."""

    purpose = fields.String(required=True, validate=validate.OneOf(get_args(account_tokens.Purpose)))
    created_at = Instant(required=True)
    expires_at = Instant(required=True)


class KeptMailOutput(Schema):
    """A mail that waits, or was sent within 30 days, without what it says."""

    id = Id(required=True)
    kind = fields.String(required=True)
    reservation_id = fields.UUID(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(("pending", "delivered", "dead")))
    created_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)


class KeptTicketOutput(Schema):
    """A ticket that is good, without its code, and when it was checked in."""

    seat_id = Id(required=True)
    created_at = Instant(required=True)
    checked_in_at = Instant(required=True, allow_none=True)


class KeptReservationOutput(CustomerReservationWithChangesOutput):
    """A reservation with the changes of its seats, its tickets and payments."""

    tickets = fields.List(fields.Nested(KeptTicketOutput()), required=True)
    payments = fields.List(fields.Nested(ListedPaymentOutput()), required=True)


class ExportOutput(Schema):
    """Everything that is kept about a person."""

    exported_at = Instant(required=True)
    account = fields.Nested(ListedUserOutput(), required=True)
    totp = fields.Nested(TotpOutput(), required=True)
    guests = fields.List(
        fields.Nested(ListedUserOutput()),
        required=True,
        metadata={
            "description": "Those with the account's address, if that is confirmed; the lists have what is theirs"
        },
    )
    languages = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Those of mails to the account and the guests"},
    )
    mails = fields.List(fields.Nested(KeptMailOutput()), required=True)
    mailed_tokens = fields.List(fields.Nested(MailedTokenOutput()), required=True)
    login_sessions = fields.List(fields.Nested(KeptSessionOutput()), required=True)
    api_keys = fields.List(fields.Nested(KeptApiKeyOutput()), required=True)
    idempotency_keys = fields.List(fields.Nested(KeptIdempotencyKeyOutput()), required=True)
    reservations = fields.List(fields.Nested(KeptReservationOutput()), required=True)
    changes = fields.List(
        fields.Nested(ChangeOutput()),
        required=True,
        metadata={"description": "What the change log has about the account and its reservations"},
    )


@routes.add("GET", "/auth/me/export", output=ExportOutput())
async def export_me(request: web.Request) -> web.StreamResponse:
    """Everything that is kept about you: the account, login sessions, API keys, reservations and changes by staff.

    With a confirmed e-mail address, it also has the guests with that address and all that is theirs.
    The document is sent while it is read, however many reservations there are. If it ends early, it is not valid JSON:
    ask again.
    """
    started, user_id = perf_counter(), request[CALLER].user_id
    account, person, second_factor = await read(request, partial(_find_person, user_id=user_id))
    if account is None:
        raise InvalidToken
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Disposition": 'attachment; filename="my-data.json"',
    }
    response = await begin_stream(request, started, headers)
    if request.method == "HEAD":
        return response
    try:
        heading = (encode(datetime.now(UTC)), encode(account.user), encode(totp_members(second_factor)))
        await response.write(b'{"exported_at":%b,"account":%b,"totp":%b' % heading)
        for name, pages in _lists(request, user_id, () if person is None else person.guest_ids).items():
            await response.write(b',"%b":[' % name.encode())
            separator = b""
            async for rows in pages:
                for row in rows:
                    await response.write(separator + encode(row))
                    separator = b","
            await response.write(b"]")
        await response.write(b"}")
    except Exception as error:  # the head is sent: only the connection can tell that the document is not whole
        log.warning("export_aborted", user_id=user_id, cause=repr(error))
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError from error
    return response


async def _find_person(
    conn: Connection, *, user_id: int
) -> tuple[accounts.Account | None, erasure.PersonToErase | None, totp.Totp | None]:
    return (
        await accounts.find_user(conn, user_id=user_id),
        await erasure.find_person(conn, user_id=user_id),
        await totp.find_totp(conn, user_id=user_id),
    )


def _lists(request: web.Request, user_id: int, guest_ids: Sequence[int]) -> dict[str, Rows]:
    """The lists of the document, in pages; those of an account and then of the guests with its address."""

    def each(
        list_page: Callable[..., Awaitable[Sequence[Any]]], *place: Any, whose: str = "user_id", **rest: Any
    ) -> Rows:
        ids = (user_id, *guest_ids)
        return _chained(_pages(request, partial(list_page, **{whose: one}), *place, **rest) for one in ids)

    return {
        "guests": _guests(request, guest_ids),
        "languages": _languages(request, (user_id, *guest_ids)),
        "mails": each(export.list_mails, 0, attrgetter("id")),
        "mailed_tokens": _mailed_tokens(request, user_id),
        "login_sessions": each(export.list_sessions, LOWEST, attrgetter("id")),
        "api_keys": each(export.list_api_keys, 0, attrgetter("id")),
        "idempotency_keys": each(export.list_idempotency_keys, "", attrgetter("key")),
        "reservations": _chained(_reservations(request, one) for one in (user_id, *guest_ids)),
        "changes": each(export.list_changes, 0, attrgetter("id"), whose="person_id", shown=attrgetter("members")),
    }


async def _chained(lists: Iterable[Rows]) -> Rows:
    for pages in lists:
        async for rows in pages:
            yield rows


async def _guests(request: web.Request, guest_ids: Sequence[int]) -> Rows:
    for guest_id in guest_ids:
        guest = await read(request, partial(accounts.find_user, user_id=guest_id))
        yield [] if guest is None else [guest.user]


async def _mailed_tokens(request: web.Request, user_id: int) -> Rows:
    yield await read(request, partial(export.list_mailed_tokens, user_id=user_id))


async def _languages(request: web.Request, user_ids: Sequence[int]) -> Rows:
    yield await read(request, partial(export.list_languages, user_ids=user_ids))


async def _pages(
    request: web.Request,
    list_page: Callable[..., Awaitable[Sequence[Any]]],
    first: object,
    key: Callable[[Any], object],
    shown: Callable[[Any], object] = lambda row: row,
) -> Rows:
    after, rows = first, None
    while rows is None or len(rows) == PAGE:
        rows = await read(request, partial(list_page, after=after, row_limit=PAGE))
        if rows:
            after = key(rows[-1])
        yield [shown(row) for row in rows]


async def _reservations(request: web.Request, user_id: int) -> Rows:
    place: tuple[datetime, UUID] | None = (FAR_AHEAD, HIGHEST)
    while place is not None:
        before, before_id = place
        page, changes, tickets, paid = await read(
            request, partial(_read_reservations, user_id=user_id, before=before, before_id=before_id)
        )
        kept = {"changes": _by_reservation(changes), "tickets": _by_reservation(tickets), "payments": paid}
        yield [
            reservation_members(request, each) | {name: members.get(each.id, []) for name, members in kept.items()}
            for each in page.reservations
        ]
        place = page.next_key


async def _read_reservations(
    conn: Connection, *, user_id: int, before: datetime, before_id: UUID
) -> tuple[CustomerReservationPage, Sequence[Any], Sequence[Any], Mapping[UUID, Any]]:
    """A page of reservations, with the changes of their seats, their tickets and their payments."""
    page = await box_office.list_reservations(
        conn, wanted=ReservationFilter(user_ids=[user_id]), before=before, before_id=before_id, page_size=PAGE
    )
    ids = [each.id for each in page.reservations]
    changes = await export.list_seat_changes(conn, reservation_ids=ids, row_limit=MAX_CHANGES)
    seats = [(each.id, each.showtime_id, seat.seat_id) for each in page.reservations for seat in each.seats]
    tickets = await export.list_tickets(conn, seats=seats)
    return page, changes, tickets, await read_payments(conn, ids)


def _by_reservation(rows: Iterable[Any]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        members = asdict(row)
        found.setdefault(members.pop("reservation_id"), []).append(members)
    return found
