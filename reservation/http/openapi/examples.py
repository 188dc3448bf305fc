"""Examples in the OpenAPI document: an evening of a cinema, one value for each member and parameter of a name."""

from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ...db.reservation_ids import reservation_id_of
from .waiting_examples import WAITING_ROOM

CREATED_BEFORE = timedelta(days=9)  # a customer books some days ahead
HOLD = timedelta(minutes=10)
SHOWTIME_ID = 208
CHANCE = 0x35E8D2B6A  # the last bits of the reservation's id

# By member or parameter; `Schema.member` where the name alone does not say what it is.
FIXED: dict[str, Any] = {
    "Event.id": "0b6f2f7e-6f0f-4f0c-8f0a-6a1d3c5e7f90",
    "Event.data": {"reservation": {"code": "7ZK3Q0VD", "status": "confirmed"}},
    "after": "WzEwMiwiIl0=",
    "cinema_id": 1,
    "Cinema.id": 1,
    "Cinema.name": "Filmtheater am Markt",
    "CinemaBody.name": "Filmtheater am Markt",
    "ReservedCinema.id": 1,
    "ReservedCinema.name": "Filmtheater am Markt",
    "address": "Marktplatz 4, 04109 Leipzig",
    "timezone": "Europe/Berlin",
    "tz": "Europe/Berlin",
    "movie_id": 12,
    "Movie.id": 12,
    "ReservedMovie.id": 12,
    "title": "The Third Man",
    "movie_title": "The Third Man",
    "q": "third man",
    "description": "Vienna after the war: a writer looks for a friend who is said to be dead.",
    "duration_minutes": 104,
    "poster_url": "https://cinema.example/posters/the-third-man.jpg",
    "genre": "Thriller",
    "genres": ["Thriller", "Film noir"],
    "age_rating": "12",
    "release_date": "1949-09-01",
    "original_language": "en",
    "director": "Carol Reed",
    "auditorium_id": 3,
    "Auditorium.id": 3,
    "ReservedAuditorium.id": 3,
    "ReservedAuditorium.name": "Saal 3",
    "auditorium_name": "Saal 3",
    "Auditorium.name": "Saal 3",
    "AuditoriumBody.name": "Saal 3",
    "capacity": 160,
    "focal_row": "G",
    "extra_metadata": {"screen": "12 m", "sound": "Dolby 7.1"},
    "showtime_id": SHOWTIME_ID,
    "Showtime.id": SHOWTIME_ID,
    "ReservedShowtime.id": 208,
    "CancelledShowtime.id": 208,
    "cancelled_reservations": 14,
    "conflicting_showtime_id": 207,
    "conflicting_index": 0,
    "base_price": "12.50",
    "price_from": "12.50",
    "currency": "EUR",
    "seats_left": 97,
    "min_seats_left": 2,
    "format": "2D",
    "audio_language": "en",
    "subtitle_language": "de",
    "seat_id": 1047,
    "Seat.id": 1047,
    "SeatStatus.id": 1047,
    "LayoutSeat.id": 1047,
    "seat_ids": [1047, 1048],
    "row_label": "G",
    "seat_number": 7,
    "seat_type": "premium",
    "price": "15.00",
    "price_modifier": "1.20",
    "x": 8,
    "y": 6,
    "rows": 10,
    "seats_per_row": 16,
    "aisles_after": [4, 12],
    "quantity": 2,
    "total_price": "15.00",
    "code": "7KQ2M9XA",
    "Ticket.id": "0196f2c4-1d3e-7a52-8f10-6b0d9c2e4a71",
    "ticket_id": "0196f2c4-1d3e-7a52-8f10-6b0d9c2e4a71",
    "Ticket.code": "5QK3Z0VD7M",
    "CheckedIn.code": "5QK3Z0VD7M",
    "CheckIn.code": "5QK3Z0VD7M",
    "CheckInBody.code": "5QK3Z-0VD7M",
    "qr_payload": "eyJhbGciOiJFZERTQSIsImtpZCI6InhZN2lwMiJ9.eyJjb2RlIjoiNVFLM1owVkQ3TSJ9.c2lnbmF0dXJl",
    "CheckInCount.checked_in": 63,
    "CheckInCount.sold": 97,
    "checked_in_by": 7,
    "kid": "xY7ip2",
    "TicketKey.x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "reference": "ORDER-20417",
    "metadata": {"channel": "kiosk", "till": 2},
    "currency_digits": 2,
    "hold_ttl_seconds": 600,
    "hold_max_seconds": 1800,
    "max_seats_per_hold": 10,
    "max_holds_per_user": 4,
    "holds_per_minute": 120,
    "max_seats_per_user_per_showtime": 20,
    "holds_per_minute_per_address": 600,
    "held_seats_per_address": 40,
    "waiting_places_per_address": 100,
    "cancel_cutoff_minutes": 0,
    "password_min_length": 8,
    "payment_provider": "none",
    "payment_id": "0199d2b1-6a17-7e9a-9a41-5f0e8d2b6a17",
    "refund_id": "5d0e8d2b-1a7c-4e9a-9a41-5f0e8d2b6a17",
    "amount": "25.00",
    "refunded": "12.50",
    "Refund.amount": "12.50",
    "checkout_url": "https://checkout.stripe.com/c/pay/cs_live_a1b2c3",
    "StripeEventInput.id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",
    "StripeEventInput.type": "checkout.session.completed",
    "reason": "Projector out of order",
    "cancel_reason": "Projector out of order",
    "ticket_type_id": 2,
    "ticket_type_ids": [1, 2],
    **WAITING_ROOM,
    "TicketType.id": 2,
    "TicketType.name": "Child",
    "SeatTicketType.id": 1,
    "SeatTicketType.name": "Standard",
    "TicketTypeBody.name": "Child",
    "TicketTypeBody.fixed_price": None,  # one of the two is null
    "TicketType.fixed_price": None,
    "price_factor": "0.60",
    "fixed_price": "7.50",
    "position": 2,
    "user_id": 42,
    "created_by": 1,
    "User.id": 42,
    "ListedUser.id": 42,
    "LoginSession.id": "5d0e8d2b-1a7c-4e9a-9a41-5f0e8d2b6a17",
    "session_id": "5d0e8d2b-1a7c-4e9a-9a41-5f0e8d2b6a17",
    "action": "replace_movie",
    "subject": "movie/12",
    "Change.before": {"id": 12, "title": "The 3rd Man"},
    "Change.after": {"id": 12, "title": "The Third Man"},
    "Change.request_id": "5f0e8d2b00001a",
    "Customer.id": 42,
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "username": "ada@example.com",
    "password": "correct horse battery staple",
    "current_password": "correct horse battery staple",
    "new_password": "seven red lamps on the stairs",
    "token": "q1w8Xr0m4Qm5Uu8hF3b2T6k9LzVnJpYcSdGaEoRxWtI",
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl",
    "refresh_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.YW5vdGhlcg",
    "expires_in": 1800,
    "ApiKey.id": 5,
    "KeptApiKey.id": 5,
    "KeptApiKey.name": "Kiosk in the foyer",
    "KeptSession.id": "5d0e8d2b-1a7c-4e9a-9a41-5f0e8d2b6a17",
    "KeptMail.id": 5121,
    "Export.languages": ["en", "de-AT"],
    "KeptIdempotencyKey.key": "8e03978e-40d5-43dd-bc93-6894a57f9324",
    "MadeApiKey.id": 5,
    "Webhook.id": 3,
    "MadeWebhook.id": 3,
    "webhook_id": 3,
    "Delivery.id": 5120,
    "delivery_id": 5120,
    "kind": "reservation.confirmed",
    "message_id": "0f2c9a41-5f0e-4d2b-8a17-7c3e9a415f0e",
    "Delivery.user_id": None,
    "attempts": 1,
    "last_error": "HTTP status 503",
    "last_status_code": 503,
    "last_duration_ms": 84,
    "url": "https://till.cinema.example/events",
    "events": ["reservation.confirmed", "reservation.cancelled"],
    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDMPwR7tVGSnA=",
    "api_key_id": 5,
    "ApiKey.name": "Kiosk in the foyer",
    "MadeApiKey.name": "Kiosk in the foyer",
    "ApiKeyBody.name": "Kiosk in the foyer",
    "ApiKeyBody.limits": {"max_holds_per_user": 0, "max_seats_per_user_per_showtime": 200},
    "key": "rsv_3mVtN0cQ8yGk5LhXrB2dZa7EwPfJ4uSi",
    "prefix": "rsv_3mVtN0cQ",
    "version": 1795415159628612,
    "SnapshotEvent.id": "1795415159628612",
    "SeatsEvent.id": "1795415159628613",
    "Layout.version": 3,
    "layout_version": 3,
    "statuses": "aaahhaabbbaa",
    "since": 1795415159628610,
    "retry": 3141,
    "Status.status": "ok",
    "SeatBatch.created": 160,
    "ShowtimesBatch.created": 14,
    "ShowtimesCopy.created": 14,
    "copied_from": 17,
    "failed": 1,
    "index": 2,
    "pointer": "/seat_ids/0",
    "detail": "Not a valid integer.",
    "cinema_name": "Filmtheater am Markt",
    "ticket_type_name": "Child",
    "seats": 84,
    "revenue": "1146.00",
    "refunded_seats": 3,
    "refunds": "40.50",
    "net": "1105.50",
    "showtimes": 5,
    "blocked": 4,
    "sold": 81,
    "held": 6,
    "no_shows": 2,
    "OccupancyFigures.capacity": 800,
    "OccupancyItem.capacity": 800,
    "next_cursor": "WyJUaGUgVGhpcmQgTWFuIiwxMl0=",
}


def with_examples(made: dict[str, Any], today: date) -> dict[str, Any]:
    """The document with examples for the members of its schemas and the parameters of its operations."""
    made = deepcopy(made)
    values = FIXED | _moments(today)
    for name, schema in made["components"]["schemas"].items():
        for member, described in schema.get("properties", {}).items():
            key = f"{name}.{member}" if f"{name}.{member}" in values else member
            if key in values and takes_example(described) and not name.endswith("Problem"):
                described["examples"] = [values[key]]
    for operations in made["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                name = parameter.get("name")
                # A day of a report has the name that a time has in other operations.
                is_day = parameter["schema"].get("format") == "date" and f"{name}.day" in values
                value = values.get(f"{name}.day" if is_day else name)
                if value is not None and parameter["in"] != "header" and takes_example(parameter["schema"]):
                    parameter["schema"]["examples"] = [value]
    return made


def takes_example(schema: dict[str, Any]) -> bool:
    """Whether a schema needs an example: it says neither by a choice nor by a schema of its own what a value is."""
    has_own = {"$ref", "const", "enum", "allOf", "anyOf", "oneOf", "contentSchema"} & schema.keys()
    return not has_own and "$ref" not in schema.get("items", {}) and schema.get("type") != "boolean"


def _moments(today: date) -> dict[str, Any]:
    """Times about an evening, the second Friday of next month, so that examples are neither past nor change daily."""
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    friday = first + timedelta(days=(4 - first.weekday()) % 7 + 7)
    starts_at = datetime.combine(friday, time(19, 30), UTC)
    created_at = starts_at - CREATED_BEFORE
    reservation_id = str(reservation_id_of(SHOWTIME_ID, int(created_at.timestamp() * 1000), CHANCE))
    moments = {
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "on_sale_at": starts_at - timedelta(days=14),
        "sales_end_at": starts_at,
        "created_at": created_at,
        "updated_at": created_at,
        "confirmed_at": created_at + timedelta(minutes=3),
        "cancelled_at": created_at + timedelta(days=2),
        "at": created_at,
        "timestamp": created_at,
        "next_attempt_at": created_at + timedelta(minutes=1),
        "ended_at": created_at + timedelta(days=1),
        "disabled_at": created_at + timedelta(days=1),
        "exported_at": created_at + timedelta(days=3),
        "KeptSession.expires_at": created_at + timedelta(days=7),
        "KeptApiKey.expires_at": created_at + timedelta(days=365),
        "refreshed_at": created_at + timedelta(minutes=30),
        "LoginSession.expires_at": created_at + timedelta(days=7),
        "succeeded_at": created_at + timedelta(minutes=2),
        "changed_at": created_at + timedelta(days=1),
        "checked_in_at": starts_at - timedelta(minutes=12),
        "expires_at": created_at + HOLD,
        "last_used_at": created_at,
        "revoked_at": created_at + timedelta(days=30),
        "ApiKey.expires_at": created_at + timedelta(days=365),
        "MadeApiKey.expires_at": created_at + timedelta(days=365),
        "ApiKeyBody.expires_at": created_at + timedelta(days=365),
        "from": starts_at - timedelta(hours=12),
        "to": starts_at + timedelta(hours=12),
    }
    texts: dict[str, Any] = {name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in moments.items()}
    kinds = ("Reservation", "CustomerReservation", "CustomerReservationWithChanges", "KeptReservation")
    ids = dict.fromkeys((*(f"{kind}.id" for kind in kinds), "reservation_id"), reservation_id)
    periods = ("CopyProgrammeBody", "SalesReport", "OccupancyReport")
    week = {
        **{f"{name}.from": str(friday - timedelta(days=4)) for name in periods},
        **{f"{name}.to": str(friday + timedelta(2)) for name in periods},
        "from.day": str(friday - timedelta(days=4)),
        "to.day": str(friday + timedelta(2)),
    }
    return texts | ids | week | {"date": str(friday), "day": str(friday)}
