"""The mails to customers about their reservations."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from typing import Protocol
from uuid import UUID

from ..db.pool import Connection, Database
from ..db.repository import mails
from ..db.repository.deliveries import Delivery
from ..db.repository.mails import MailedReservation, MailedShowtime, SeatsBefore
from .channel import Prepare, message_id
from .messages import Attachment, compose
from .rendering import MailTemplates


class MakeAttachments(Protocol):
    """Makes what goes with a mail in a language, such as de; None: the reservation is not as it was read any more."""

    def __call__(
        self, reservation_id: UUID, language: str, *, is_cancelled: bool
    ) -> Awaitable[Sequence[Attachment] | None]: ...


KINDS = ("confirmation", "change", "cancellation", "showtime_changed", "reminder", "refund")
WITH_ATTACHMENTS = ("confirmation", "change", "showtime_changed", "cancellation")


@dataclass(frozen=True, slots=True)
class ReservationMails:
    """Makes these mails; `public_url` is the web site that links lead to, None for no links."""

    database: Database
    templates: MailTemplates
    mail_from: str
    public_url: str | None
    make_attachments: MakeAttachments

    def by_kind(self) -> Mapping[str, Prepare]:
        """For the channel."""
        return dict.fromkeys(KINDS, self.prepare)

    async def prepare(self, delivery: Delivery) -> EmailMessage | None:
        """The mail of a delivery, None if it has become pointless; raises Undeliverable, WrongTemplate, Unavailable."""
        if delivery.reservation_id is None:
            return None
        async with self.database.connection() as conn:
            reservation = await mails.find_reservation(conn, reservation_id=delivery.reservation_id)
            if reservation is None or not is_worth_telling(delivery.kind, reservation, datetime.now(UTC)):
                return None
            before = await _before(conn, delivery)
        if reservation.customer_email is None:
            return None
        attachments = await self._attachments(delivery.kind, reservation)
        if attachments is None:  # cancelled at this moment, which another mail tells
            return None
        values = self._values(reservation, before) | {
            "refund": _refund(delivery, reservation, before),
            "has_tickets": bool(attachments) and reservation.status == "confirmed",
        }
        return compose(
            self.templates.render(delivery.kind, reservation.customer_language, values),
            message_id=message_id(delivery),
            sender=self.mail_from,
            to_name=reservation.customer_name,
            to_email=reservation.customer_email,
            attachments=attachments,
        )

    async def _attachments(self, kind: str, reservation: MailedReservation) -> Sequence[Attachment] | None:
        if kind not in WITH_ATTACHMENTS or not reservation.was_confirmed or reservation.status == "held":
            return ()
        return await self.make_attachments(
            reservation.id,
            self.templates.locale(reservation.customer_language).language,
            is_cancelled=reservation.status == "cancelled",
        )

    def _values(self, reservation: MailedReservation, before: SeatsBefore | MailedShowtime | None) -> dict[str, object]:
        """What templates show; without the name, which a stranger may have given with this address."""
        own = asdict(reservation)
        showtime = own.pop("showtime")
        told = {name: value for name, value in own.items() if not name.startswith("customer_")}
        site = self.public_url.rstrip("/") if self.public_url and reservation.has_account else None
        return {
            "reservation": told,
            "showtime": showtime,
            "before": told | asdict(before) if isinstance(before, SeatsBefore) else before,
            "link": f"{site}/my/reservations/{reservation.id}" if site else None,
        }


def is_worth_telling(kind: str, reservation: MailedReservation, now: datetime) -> bool:
    """Whether a mail is still of use: no confirmation of what was cancelled since, no reminder of what has begun."""
    if kind == "refund":
        return True
    if kind == "cancellation":
        return reservation.status == "cancelled"
    if reservation.showtime.is_cancelled or reservation.showtime.ends_at <= now:
        return False
    if kind == "reminder":
        return reservation.status == "confirmed" and reservation.showtime.starts_at > now
    return reservation.status == "confirmed" or (kind == "showtime_changed" and reservation.status == "held")


async def _before(conn: Connection, delivery: Delivery) -> SeatsBefore | MailedShowtime | None:
    if delivery.event_id is None:
        return None
    if delivery.kind == "showtime_changed":
        return await mails.find_showtime_before(conn, event_id=delivery.event_id)
    if delivery.kind == "change":
        return await mails.find_before_change(conn, event_id=delivery.event_id)
    return None


def _refund(
    delivery: Delivery, reservation: MailedReservation, before: SeatsBefore | MailedShowtime | None
) -> Decimal | None:
    if isinstance(before, SeatsBefore):
        return before.refund
    if delivery.kind == "cancellation":
        return reservation.refund
    amount = (delivery.data or {}).get("amount")
    return None if amount is None else Decimal(str(amount))
