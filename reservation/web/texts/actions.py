"""What the change log calls the operations, which are recorded by their operationId, and the operator's commands."""

from .languages import Language
from .marking import mark as _

ACTIONS = {
    "create_hold": _("Seats held"),
    "confirm_reservation": _("Reservation confirmed"),
    "extend_reservation": _("Hold extended"),
    "cancel_reservation": _("Reservation cancelled"),
    "cancel_customer_reservation": _("Reservation cancelled"),
    "add_seats": _("Seats added to a hold"),
    "remove_seat_of_hold": _("Seat removed from a hold"),
    "exchange_seats": _("Seats exchanged"),
    "join_waiting_room": _("Waiting room joined"),
    "create_cinema": _("Cinema created"),
    "replace_cinema": _("Cinema changed"),
    "delete_cinema": _("Cinema deleted"),
    "create_movie": _("Film created"),
    "replace_movie": _("Film changed"),
    "delete_movie": _("Film deleted"),
    "create_auditorium": _("Room created"),
    "replace_auditorium": _("Room changed"),
    "delete_auditorium": _("Room deleted"),
    "create_seats": _("Seats of a room added"),
    "replace_seats": _("Seat plan changed"),
    "replace_seat": _("Seat changed"),
    "delete_seat": _("Seat removed"),
    "create_showtime": _("Showtime created"),
    "create_showtimes": _("Showtimes created"),
    "copy_programme": _("Showtimes copied"),
    "replace_showtime": _("Showtime changed"),
    "delete_showtime": _("Showtime deleted"),
    "cancel_showtime": _("Showtime cancelled"),
    "block_seats": _("Seats blocked"),
    "unblock_seats": _("Seats put on sale again"),
    "create_ticket_type": _("Ticket type created"),
    "replace_ticket_type": _("Ticket type changed"),
    "delete_ticket_type": _("Ticket type deleted"),
    "set_role": _("Role changed"),
    "set_disabled": _("Account disabled or enabled"),
    "create_api_key": _("API key created"),
    "revoke_api_key": _("API key revoked"),
    "pay_reservation": _("Reservation paid"),
    "receive_stripe_event": _("Payment arrived"),
    "check_in_ticket": _("Ticket checked in"),
    "create_webhook": _("Webhook created"),
    "replace_webhook": _("Webhook changed"),
    "delete_webhook": _("Webhook deleted"),
    "replace_webhook_secret": _("Secret of a webhook replaced"),
    "test_webhook": _("Test of a webhook sent"),
    "retry_webhook_delivery": _("Delivery of a webhook sent again"),
    "retry_dead_letter": _("Dead letter sent again"),
    "rename_me": _("Own name changed"),
    "erase_me": _("Own account erased"),
    "import": _("Imported from a file"),
    "create-admin": _("Administrator created"),
}


def action_name(action: str, language: Language) -> str:
    """The plain name of an operation; the words of its operationId, if it has no name here."""
    if action in ACTIONS:
        return language.gettext(ACTIONS[action])
    return action.replace("_", " ").replace("-", " ").capitalize()
