"""What a client has to know of this installation."""

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...settings import MIN_PASSWORD_CHARS, PAYMENT_PROVIDERS, Settings
from ..app_keys import SETTINGS
from ..output.responses import json_response
from ..output.schemas import CURRENCY
from ..routes import Routes

routes = Routes("Configuration")

CURRENCY_DIGITS = 2


class ConfigOutput(Schema):
    """Settings of the installation; they change only when its workers are replaced."""

    currency = fields.String(required=True, metadata=CURRENCY)
    currency_digits = fields.Integer(required=True, metadata={"description": "Digits after the decimal point"})
    hold_ttl_seconds = fields.Integer(required=True, metadata={"description": "How long a hold lives"})
    hold_max_seconds = fields.Integer(
        required=True, metadata={"description": "How long a hold can live with extensions, from its beginning"}
    )
    max_seats_per_hold = fields.Integer(required=True)
    max_holds_per_user = fields.Integer(
        required=True, metadata={"description": "Most live holds of a customer; 0: no limit"}
    )
    max_seats_per_user_per_showtime = fields.Integer(
        required=True, metadata={"description": "Most seats of a customer in a showtime, held and booked; 0: no limit"}
    )
    holds_per_minute_per_address = fields.Integer(
        required=True, metadata={"description": "Most holds from one address in a minute; 0: no limit"}
    )
    held_seats_per_address = fields.Integer(
        required=True,
        metadata={"description": "Most seats of a showtime in live holds from one address; 0: no limit"},
    )
    waiting_places_per_address = fields.Integer(
        required=True,
        metadata={"description": "Most places of one address in the waiting room of a showtime; 0: no limit"},
    )
    max_unconfirmed_holds_of_seat = fields.Integer(
        required=True,
        metadata={
            "description": "How often a customer may hold a seat of a showtime without confirming it, within "
            "cooling_off_minutes; 0: no limit"
        },
    )
    cooling_off_minutes = fields.Integer(
        required=True, metadata={"description": "How long an unconfirmed hold of a seat counts"}
    )
    cancel_cutoff_minutes = fields.Integer(
        required=True, metadata={"description": "A confirmed reservation can be cancelled until then before the start"}
    )
    payment_provider = fields.String(required=True, validate=validate.OneOf(PAYMENT_PROVIDERS))
    password_min_length = fields.Integer(required=True, metadata={"description": "Characters"})


@routes.add("GET", "/config", output=ConfigOutput())
async def get_config(request: web.Request) -> web.StreamResponse:
    """The settings that clients show or check."""
    return json_response(_shown(request.app[SETTINGS]))


def _shown(settings: Settings) -> dict[str, object]:
    return {
        "currency": settings.currency,
        "currency_digits": CURRENCY_DIGITS,
        "hold_ttl_seconds": settings.hold_ttl_s,
        "hold_max_seconds": settings.hold_max_s,
        "max_seats_per_hold": settings.max_seats_per_hold,
        "max_holds_per_user": settings.max_holds_per_user,
        "max_seats_per_user_per_showtime": settings.max_seats_per_user_per_showtime,
        "holds_per_minute_per_address": settings.holds_per_minute_per_address,
        "held_seats_per_address": settings.held_seats_per_address,
        "waiting_places_per_address": settings.waiting_places_per_address,
        "max_unconfirmed_holds_of_seat": settings.max_unconfirmed_holds_of_seat,
        "cooling_off_minutes": settings.cooling_off_s // 60,
        "cancel_cutoff_minutes": settings.cancel_cutoff_s // 60,
        "payment_provider": settings.payment_provider,
        "password_min_length": MIN_PASSWORD_CHARS,
    }
