"""The box office: sales at the counter, and reservations found and changed for customers."""

from . import home, reservations, sale

TABLES = (
    home.pages,
    reservations.pages,
    sale.pages,
)
