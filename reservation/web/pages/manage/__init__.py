"""Administration: films, cinemas, rooms, showtimes, ticket types, accounts, API keys, and the change log."""

from . import (
    api_keys,
    change_log,
    cinemas,
    films,
    home,
    occupancy,
    seats,
    showtime_changes,
    showtimes,
    ticket_types,
    users,
)

TABLES = (
    api_keys.pages,
    change_log.pages,
    cinemas.pages,
    films.pages,
    home.pages,
    occupancy.pages,
    seats.pages,
    showtime_changes.pages,
    showtimes.pages,
    ticket_types.pages,
    users.pages,
)
