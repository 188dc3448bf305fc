"""Examples of waiting rooms and of the cooling-off in the OpenAPI document."""

WAITING_ROOM: dict[str, object] = {
    "ticket": "dAAAAAAAACowAAAAAAAAACoABkV4c2VwbGUtdGlja2V0",
    "queue_ticket": "dAAAAAAAACowAAAAAAAAACoABkV4c2VwbGUtdGlja2V0",
    "Place.status": "waiting",
    "Place.position": 120,
    "waiting": 4000,
    "expected_seconds": 3,
    "poll_after_seconds": 2,
    "admission_token": None,
    "admission_expires_at": None,
    "waiting_room": False,
    "max_unconfirmed_holds_of_seat": 3,
    "cooling_off_minutes": 120,
    "PlaceEvent.id": "1795415159628",
    "AdmittedEvent.id": "1795415162104",
}
