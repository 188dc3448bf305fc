"""The driver's class of UUID, a subclass of Python's that reads, makes and writes one in a tenth of the time."""

from asyncpg.pgproto import pgproto

DriverUUID = pgproto.UUID
