"""GET /config tells clients the settings of the installation."""

from tests.conftest import StartApi


async def test_everybody_can_read_the_settings(start_api: StartApi) -> None:
    api = await start_api(
        CURRENCY="EUR",
        HOLD_TTL_SECONDS="300",
        HOLD_MAX_SECONDS="900",
        MAX_SEATS_PER_HOLD="8",
        MAX_HOLDS_PER_USER="3",
        HELD_SEATS_PER_ADDRESS="12",
        WAITING_PLACES_PER_ADDRESS="7",
        CANCEL_CUTOFF_MINUTES="30",
    )
    answer = await api.call("GET", "/config")
    assert answer.status == 200
    assert answer.json == {
        "currency": "EUR",
        "currency_digits": 2,
        "hold_ttl_seconds": 300,
        "hold_max_seconds": 900,
        "max_seats_per_hold": 8,
        "max_holds_per_user": 3,
        "max_seats_per_user_per_showtime": 0,
        "holds_per_minute_per_address": 0,
        "held_seats_per_address": 12,
        "waiting_places_per_address": 7,
        "max_unconfirmed_holds_of_seat": 0,
        "cooling_off_minutes": 120,
        "cancel_cutoff_minutes": 30,
        "payment_provider": "none",
        "password_min_length": 8,
    }
