"""The handlers of the pages: a module for each thing that people do, with a table of its pages."""

from . import (
    booking,
    box_office,
    box_office_reservations,
    box_office_sale,
    films,
    manage_cinemas,
    manage_films,
    manage_home,
    manage_seats,
    manage_ticket_types,
    preferences,
    reservation_changes,
    reservations,
    sign_in,
    sign_up,
    whats_on,
)

TABLES = (
    booking.pages,
    box_office.pages,
    box_office_reservations.pages,
    box_office_sale.pages,
    films.pages,
    manage_cinemas.pages,
    manage_films.pages,
    manage_home.pages,
    manage_seats.pages,
    manage_ticket_types.pages,
    preferences.pages,
    reservation_changes.pages,
    reservations.pages,
    sign_in.pages,
    sign_up.pages,
    whats_on.pages,
)
