"""The columns of the shared schema that this service reads and writes."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData()

seats = Table(
    "seats",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("auditorium_id", BigInteger, nullable=False),
    Column("row_label", Text, nullable=False),
    Column("seat_number", Integer, nullable=False),
    Column("seat_type", Text, nullable=False),
    Column("price_modifier", Numeric(4, 2), nullable=False),
)

showtimes = Table(
    "showtimes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("auditorium_id", BigInteger, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("base_price", Numeric(10, 2), nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("showtime_id", BigInteger, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'held'")),
    Column("total_price", Numeric(14, 2), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
)

reservation_seats = Table(
    "reservation_seats",
    metadata,
    Column("reservation_id", UUID(as_uuid=True), primary_key=True),
    Column("seat_id", BigInteger, primary_key=True),
    Column("price_at_booking", Numeric(12, 2), nullable=False),
)

booked_seats = Table(
    "booked_seats",
    metadata,
    Column("showtime_id", BigInteger, primary_key=True),
    Column("seat_id", BigInteger, primary_key=True),
    Column("reservation_id", UUID(as_uuid=True), nullable=False),
)
