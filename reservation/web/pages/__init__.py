"""The handlers of the pages: a module for each thing that people do, with a table of its pages."""

from . import (
    account,
    booking,
    box_office,
    door,
    films,
    manage,
    payments,
    preferences,
    reservation_changes,
    reservations,
    tickets,
    whats_on,
)

TABLES = (
    *account.TABLES,
    booking.pages,
    *box_office.TABLES,
    door.pages,
    films.pages,
    *manage.TABLES,
    payments.pages,
    preferences.pages,
    reservation_changes.pages,
    reservations.pages,
    tickets.pages,
    whats_on.pages,
)
