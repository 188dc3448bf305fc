"""The types of events, as they are told."""

EVENT_TYPES = (
    "reservation.held",
    "reservation.confirmed",
    "reservation.cancelled",
    "reservation.changed",
    "reservation.expired",
    "payment.succeeded",
    "payment.refunded",
    "showtime.changed",
    "showtime.cancelled",
    "ticket.checked_in",
)
TEST_EVENT = "webhook.test"  # sent on request, whatever the webhook asks for
