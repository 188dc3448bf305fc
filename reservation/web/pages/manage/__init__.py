"""Administration: films, cinemas, rooms, showtimes, ticket types, reports, accounts, API keys, webhooks, change log."""

from . import (
    api_keys,
    change_log,
    cinemas,
    deliveries,
    films,
    home,
    occupancy,
    reports,
    seats,
    showtime_changes,
    showtimes,
    ticket_types,
    users,
    webhooks,
)

TABLES = (
    api_keys.pages,
    change_log.pages,
    cinemas.pages,
    deliveries.pages,
    films.pages,
    home.pages,
    occupancy.pages,
    reports.pages,
    seats.pages,
    showtime_changes.pages,
    showtimes.pages,
    ticket_types.pages,
    users.pages,
    webhooks.pages,
)
