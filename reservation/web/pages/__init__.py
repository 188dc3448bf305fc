"""The handlers of the pages: a module for each thing that people do, with a table of its pages."""

from . import (
    account,
    booking,
    box_office,
    films,
    manage,
    payments,
    preferences,
    reservation_changes,
    reservations,
    whats_on,
)

TABLES = (
    *account.TABLES,
    booking.pages,
    *box_office.TABLES,
    films.pages,
    *manage.TABLES,
    payments.pages,
    preferences.pages,
    reservation_changes.pages,
    reservations.pages,
    whats_on.pages,
)
