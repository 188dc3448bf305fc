"""Domain errors, without HTTP: output/problems.py has their statuses. The docstring of a class is its message."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from inspect import cleandoc
from typing import TypeAlias

from .limit_texts import ON_CUSTOMERS, attempts_text

Ids: TypeAlias = Collection[int]
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class OperatorError(Exception):
    """A command or the start failed; its message is one line for the operator, which the command line prints."""


class DomainError(Exception):
    """The request could not be carried out."""

    replayed = False  # whether it is the stored error of a request that is repeated with its Idempotency-Key

    def __init__(self, message: str | None = None, *, details: Mapping[str, Json] | None = None) -> None:
        super().__init__(message or cleandoc(self.__doc__ or ""))
        self.details = dict(details or {})  # further members of the problem details


class NotFound(DomainError):
    """There is no such resource, or it is not yours."""


class Invalid(DomainError):
    """Some of the input is not valid."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(details={"errors": [{"pointer": pointer, "detail": detail}]})


class NotAuthenticated(DomainError):
    """Authentication is needed: send an access token or an API key as a Bearer token."""


class InvalidToken(DomainError):
    """The token or API key is not valid: malformed, forged, expired, spent, revoked, or of the wrong type."""


class InvalidCredentials(DomainError):
    """The e-mail address or the password is wrong."""


class TotpRequired(DomainError):
    """The account has a second factor: send a code of the authenticator app, or a recovery code, as `totp_code`."""


class TotpEnrolled(DomainError):
    """The account has a second factor already: remove it first."""


class TotpEnrolmentRequired(DomainError):
    """Administrators need a second factor here: enrol with POST /auth/totp."""


class ReauthenticationRequired(DomainError):
    """The password was given more than REAUTHENTICATION_MINUTES ago: send it again with POST /auth/reauthenticate."""


class AccountDisabled(DomainError):
    """The account is disabled: ask the cinema."""


class Forbidden(DomainError):
    """Your role does not allow this."""


class InsufficientScope(DomainError):
    """The API key lacks the scope for this; `scopes` lists those of which one is needed."""

    def __init__(self, scopes: Sequence[str]) -> None:
        self.scopes = tuple(scopes)
        message = None if self.scopes else "No API key may do this: log in and send an access token."
        super().__init__(message, details={"scopes": [*self.scopes]})


class TooManyRequests(DomainError):
    """Too many requests: try again later."""

    def __init__(self, retry_after_s: int, message: str | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class EmailTaken(DomainError):
    """An account with this e-mail address exists already."""


class LastAdmin(DomainError):
    """This is the last administrator, who stays one."""


class SeatsUnavailable(DomainError):
    """Some of these seats are held, booked or blocked."""

    def __init__(self, message: str | None = None, *, held: Ids = (), booked: Ids = (), blocked: Ids = ()) -> None:
        # Booked beats held; a blocked seat may be among the booked ones.
        reasons = dict.fromkeys(held, "held") | dict.fromkeys(booked, "booked") | dict.fromkeys(blocked, "blocked")
        seats: list[Json] = [{"seat_id": seat, "reason": reasons[seat]} for seat in sorted(reasons)]
        super().__init__(message, details={"seats": seats})
        self.seat_ids = frozenset(reasons)
        self.reason = next((reasons[seat] for seat in self.seat_ids), "none")  # of one of them


class ShowtimeStarted(DomainError):
    """The showtime has started: its seats can no longer be held."""


class NotOnSale(DomainError):
    """The showtime is not on sale yet: its seats can be held from `on_sale_at` on."""

    def __init__(self, on_sale_at: str) -> None:
        super().__init__(details={"on_sale_at": on_sale_at})


class SalesEnded(DomainError):
    """The sale of this showtime has ended."""


class ShowtimeCancelled(DomainError):
    """The showtime is cancelled."""


class AdmissionRequired(DomainError):
    """The showtime has a waiting room: send the Admission-Token of POST /showtimes/{showtime_id}/waiting-room."""


class LimitReached(DomainError):
    """You have as many holds, or seats of this showtime, as one customer may have: `limit` names the setting."""

    def __init__(self, limit: str) -> None:
        super().__init__(ON_CUSTOMERS.get(limit), details={"limit": limit})


class PaymentRequired(DomainError):
    """The reservation is not paid: POST /reservations/{reservation_id}/pay; `amount_due` says how much is missing."""

    def __init__(self, amount_due: str, message: str | None = None) -> None:
        super().__init__(message, details={"amount_due": amount_due})


class NothingToPay(DomainError):
    """There is nothing to pay: the reservation costs nothing, or this service takes no payments; confirm it."""


class InvalidSignature(DomainError):
    """The payment provider's signature is missing, wrong or too old."""


class HoldExpired(DomainError):
    """The hold has expired: make a new hold of these or other seats, POST /showtimes/{showtime_id}/holds."""


class CursorExpired(DomainError):
    """The cursor is older than the feed, or from before the database was restored: begin again without one."""


class ReservationCancelled(DomainError):
    """The reservation was cancelled."""


class ReservationConfirmed(DomainError):
    """The reservation is confirmed: there is no hold to extend."""


class TooLateToCancel(DomainError):
    """The reservation can no longer be cancelled or exchanged: the showtime has started, or starts soon."""

    def __init__(self, cutoff_s: int | None = None) -> None:
        until = "its start" if not cutoff_s else f"{cutoff_s // 60} minutes before its start (CANCEL_CUTOFF_MINUTES)"
        message = f"A confirmed reservation can be cancelled or exchanged until {until}, and it is later than that."
        super().__init__(None if cutoff_s is None else message)


class ReservationNotConfirmed(DomainError):
    """The reservation is a hold: it has tickets once it is confirmed."""


class AlreadyCheckedIn(DomainError):
    """The ticket was checked in before, at `checked_in_at`; so its seat is neither cancelled nor exchanged."""

    def __init__(self, checked_in_at: datetime) -> None:
        super().__init__(details={"checked_in_at": checked_in_at.astimezone(UTC).isoformat().replace("+00:00", "Z")})


class WrongShowtime(DomainError):
    """The ticket is for another showtime: `showtime_id`."""

    def __init__(self, showtime_id: int) -> None:
        super().__init__(details={"showtime_id": showtime_id})


class TicketCancelled(DomainError):
    """The ticket is no longer good: its seat was cancelled or exchanged, or its showtime called off or long over."""


class CapacityExceeded(DomainError):
    """The auditorium would have more seats than its capacity allows."""


class PlaceTaken(DomainError):
    """Another seat of the auditorium has this row and number, or this position."""


class ShowtimeOverlap(DomainError):
    """Another showtime has the auditorium at that time."""


class BatchRefused(DomainError):
    """Some items of the batch failed, so nothing was created."""

    def __init__(self, failed: Mapping[int, DomainError]) -> None:
        super().__init__()
        self.failed = failed  # by position in the batch, from 0


class InUse(DomainError):
    """Other data depends on this, so it cannot be deleted or moved."""


class HasReservations(DomainError):
    """The showtime has live holds or confirmed reservations, so its film, auditorium and time do not change."""


class TooManyWebhooks(DomainError):
    """There are as many webhooks as there may be."""

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} webhooks, which is as many as there may be: delete one.")


class WebhookInactive(DomainError):
    """The webhook is not active: make it active first."""


class IdempotencyKeyReused(DomainError):
    """This Idempotency-Key was used for another request: use a new key for each new request."""


class IdempotencyKeyUsed(Exception):
    """This Idempotency-Key was used within a day, so nothing was done now."""


class ShowtimeChanged(Exception):
    """The showtime is not on sale, is gone, or has changed since its layout was read; nothing was inserted."""


class IdempotencyInFlight(DomainError):
    """A request with this Idempotency-Key is being processed: send it again shortly."""


class PreconditionFailed(DomainError):
    """This has changed since you last read it: read it again."""


class TooManyAttempts(DomainError):
    """There were too many attempts: wait before the next one."""

    def __init__(self, *, policy: str, most: int, window_s: int, retry_after_s: int) -> None:
        super().__init__(attempts_text(policy, most, window_s))
        self.policy, self.most, self.window_s, self.retry_after_s = policy, most, window_s, retry_after_s


class Unavailable(DomainError):
    """The service cannot answer at the moment: try again shortly."""


class DatabaseUnavailable(Unavailable):
    """The database does not answer at the moment: try again shortly."""


class RowLocked(Unavailable):
    """Another session has locked the data that this request needs: try again shortly."""


class HoldsUnavailable(Unavailable):
    """The store of holds does not answer at the moment: try again shortly."""


class Stopping(Unavailable):
    """This instance is stopping: send requests to another one."""


class PaymentProviderUnavailable(Unavailable):
    """The payment provider does not answer at the moment: try again shortly."""


class ReportTooSlow(Unavailable):
    """The report takes too long: choose fewer days or one cinema, or try again when less is going on."""


class Overloaded(Unavailable):
    """Too many requests are waiting: try again shortly."""
