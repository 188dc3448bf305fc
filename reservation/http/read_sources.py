"""Where each GET reads from: the one table of what may be read from a replica, and of what is not, and why."""

from collections.abc import Mapping
from enum import Enum

from ..runtime.lanes import Lane
from .gates import lane_of
from .routes import Operation


class Source(Enum):
    """Where an operation reads from, and what a reader finds there."""

    PRIMARY = "the primary"
    # What the client has written, by its Reservation-Written, and else what may be READ_MAX_LAG_SECONDS old.
    REPLICA = "a replica"
    # All that was committed before the request, by any client: for reads that take long, and after sales.
    CAUGHT_UP = "a replica that has caught up"


# Writes about reservations and at the door do not wait for the position of the WAL (see sends_write_position), so that
# what shows their effects is read from the primary, or from a replica that has caught up.
READ_SOURCES: Mapping[str, Source] = {
    # The catalogue, as everyone sees it.
    "/cinemas": Source.REPLICA,
    "/cinemas/{cinema_id}": Source.REPLICA,
    "/movies": Source.REPLICA,
    "/movies/{movie_id}": Source.REPLICA,
    "/movies/{movie_id}/showtimes": Source.REPLICA,
    "/showtimes": Source.REPLICA,
    "/showtimes/{showtime_id}": Source.REPLICA,
    "/auditoriums": Source.REPLICA,
    "/auditoriums/{auditorium_id}": Source.REPLICA,
    "/ticket-types": Source.REPLICA,
    "/ticket-types/{ticket_type_id}": Source.REPLICA,
    # The same, for administrators.
    "/admin/cinemas": Source.REPLICA,
    "/admin/cinemas/{cinema_id}": Source.REPLICA,
    "/admin/movies": Source.REPLICA,
    "/admin/movies/{movie_id}": Source.REPLICA,
    "/admin/auditoriums": Source.REPLICA,
    "/admin/auditoriums/{auditorium_id}": Source.REPLICA,
    "/admin/auditoriums/{auditorium_id}/seats": Source.REPLICA,
    "/admin/seats/{seat_id}": Source.REPLICA,
    "/admin/showtimes": Source.REPLICA,
    "/admin/showtimes/{showtime_id}": Source.REPLICA,
    "/admin/showtimes/{showtime_id}/blocks": Source.REPLICA,
    "/admin/ticket-types": Source.REPLICA,
    "/admin/ticket-types/{ticket_type_id}": Source.REPLICA,
    "/admin/users": Source.REPLICA,
    "/admin/users/{user_id}": Source.REPLICA,
    # Long reads, and lists that sales and check-ins change.
    "/admin/change-log": Source.CAUGHT_UP,
    "/admin/reservations": Source.CAUGHT_UP,
    "/auth/me/export": Source.CAUGHT_UP,
    "/reports/occupancy": Source.CAUGHT_UP,
    "/reports/sales": Source.CAUGHT_UP,
    "/reports/showtimes/{showtime_id}": Source.CAUGHT_UP,
    # Exact by contract: seat maps, and what a customer holds, has booked, has paid or shows at the door. Few rows each.
    "/auditoriums/{auditorium_id}/layout": Source.PRIMARY,
    "/showtimes/{showtime_id}/seats": Source.PRIMARY,
    "/showtimes/{showtime_id}/events": Source.PRIMARY,
    "/reservations": Source.PRIMARY,
    "/reservations/{reservation_id}": Source.PRIMARY,
    "/reservations/{reservation_id}/payments": Source.PRIMARY,
    "/reservations/{reservation_id}/tickets": Source.PRIMARY,
    "/reservations/{reservation_id}/tickets.ics": Source.PRIMARY,
    "/reservations/{reservation_id}/tickets.pdf": Source.PRIMARY,
    "/reservations/{reservation_id}/tickets/{ticket_id}/qr.svg": Source.PRIMARY,
    "/admin/reservations/{reservation_id}": Source.PRIMARY,
    "/showtimes/{showtime_id}/check-ins": Source.PRIMARY,
    # A feed without gaps and repeats, and deliveries, which another process changes.
    "/changes": Source.PRIMARY,
    "/admin/dead-letters": Source.PRIMARY,
    "/admin/webhooks/{webhook_id}/deliveries": Source.PRIMARY,
    # What decides who may do something: a session, a key or a second factor that has ended is not shown as there.
    "/auth/me": Source.PRIMARY,
    "/auth/sessions": Source.PRIMARY,
    "/auth/totp": Source.PRIMARY,
    "/admin/api-keys": Source.PRIMARY,
    "/admin/api-keys/{api_key_id}": Source.PRIMARY,
    "/admin/webhooks": Source.PRIMARY,
    "/admin/webhooks/{webhook_id}": Source.PRIMARY,
    # From Redis, from memory, or about the primary itself.
    "/showtimes/{showtime_id}/waiting-room": Source.PRIMARY,
    "/showtimes/{showtime_id}/waiting-room/events": Source.PRIMARY,
    "/config": Source.PRIMARY,
    "/health": Source.PRIMARY,
    "/ready": Source.PRIMARY,
    "/metrics": Source.PRIMARY,
    "/.well-known/ticket-keys.json": Source.PRIMARY,
}

_WITHOUT_POSITION = frozenset({Lane.HOLD, Lane.CONFIRM, None})


def source_of(operation: Operation) -> Source:
    """Where an operation reads from; a write reads from the primary."""
    return READ_SOURCES[operation.path] if operation.method == "GET" else Source.PRIMARY


def sends_write_position(operation: Operation) -> bool:
    """Whether the response to a write says where it is in the WAL.

    Those about reservations do not: a hold or a confirm would wait for a statement more.
    """
    return operation.method != "GET" and lane_of(operation) not in _WITHOUT_POSITION
