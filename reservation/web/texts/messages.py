"""What a refusal tells a person: by the problem code, in the words of the pages and the reader's language."""

from http import HTTPStatus

from ...errors import DomainError
from ...http.output.problems import STATUS_AND_CODE
from ...limit_texts import COOLING_OFF
from .languages import Language
from .marking import mark as _

MESSAGES = {
    "not_found": _("There is nothing at this address, or it is not yours."),
    "validation_error": _("Some of the input is not valid."),
    "not_authenticated": _("Please sign in."),
    "invalid_token": _("You have been signed out. Please sign in again."),
    "invalid_credentials": _("The e-mail address or the password is wrong."),
    "totp_required": _("Type the password again, and the code of your authenticator app."),
    "totp_enrolled": _("This account has an authenticator app already."),
    "totp_enrolment_required": _("Administrators need an authenticator app here. Enrol one first."),
    "reauthentication_required": _("Please confirm your password."),
    "account_disabled": _("This account is disabled. Please ask the cinema."),
    "foreign_form": _("This form is too old, or comes from another site. Please open the page again."),
    "forbidden": _("Your account may not do this."),
    "email_taken": _("There is an account with this e-mail address already."),
    "last_admin": _("This is the last administrator, who stays one."),
    "seats_unavailable": _("Some of the seats have just been taken by another customer."),
    "showtime_started": _("This showtime has begun."),
    "not_on_sale": _("Tickets for this showtime are not on sale yet."),
    "sales_ended": _("The sale for this showtime has ended."),
    "showtime_cancelled": _("This showtime has been cancelled."),
    "admission_required": _("Please wait in the waiting room of this showtime."),
    "limit_reached": _("You hold as many seats as one customer may."),
    "payment_required": _("This has not been paid yet."),
    "nothing_to_pay": _("There is nothing to pay."),
    "payment_provider_unavailable": _("The payment page cannot be reached just now. Please try again soon."),
    "hold_expired": _("The time to confirm has passed, and the seats have been released."),
    "reservation_cancelled": _("This reservation has been cancelled."),
    "not_confirmed": _("These seats are only held: they have tickets once they are booked."),
    "already_checked_in": _(
        "A ticket was checked in at the door, so its seat can no longer be cancelled or exchanged."
    ),
    "wrong_showtime": _("This ticket is for another showtime."),
    "ticket_cancelled": _("This ticket is not valid any more."),
    "reservation_confirmed": _("This reservation is confirmed already."),
    "too_late_to_cancel": _("It is too late to cancel or change this reservation."),
    "capacity_exceeded": _("The auditorium has not that many places."),
    "place_taken": _("Two seats cannot have the same place."),
    "showtime_overlap": _("Another showtime is in this auditorium at that time."),
    "in_use": _("This is still used by something else, so it cannot be deleted."),
    "has_reservations": _("There are reservations for this, so it was not changed."),
    "webhook_inactive": _("The webhook is not active: make it active first."),
    "too_many_webhooks": _("There are as many webhooks as there may be."),
    "idempotency_in_flight": _("This is being done just now. Please wait a moment."),
    "idempotency_key_reused": _("This form has been sent before with other content. Please open the page again."),
    "precondition_failed": _("Another person has changed this in the meantime. Please look at it again."),
    "too_many_attempts": _("Too many attempts. Please wait a little."),
    # For pages it comes from the limits of a client address alone.
    "too_many_requests": _(
        "From your internet connection as many seats of this showtime are held, or as many people wait, as is allowed."
        " Please try again later."
    ),
    "payload_too_large": _("This is more than the service takes at once."),
    "method_not_allowed": _("There is nothing at this address, or it is not yours."),
}
UNAVAILABLE = _("We are very busy just now. Please try again in a few seconds.")
DEFECT = _("Something went wrong on our side. Your reservations are safe.")
HELD_TOO_OFTEN = _("You have held one of these seats several times without buying it. Please choose other seats.")


def message_of(language: Language, error: DomainError) -> str:
    """What a domain error tells a person."""
    if error.details.get("limit") == COOLING_OFF:
        return language.gettext(HELD_TOO_OFTEN)
    status, code = STATUS_AND_CODE[type(error)]
    return message_of_code(language, status, code)


def message_of_code(language: Language, status: int, code: str) -> str:
    """What a problem with this status and code tells a person."""
    if code in MESSAGES:
        return language.gettext(MESSAGES[code])
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return language.gettext(UNAVAILABLE)
    return language.gettext(DEFECT if status >= HTTPStatus.INTERNAL_SERVER_ERROR else MESSAGES["validation_error"])
