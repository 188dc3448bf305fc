"""The driver's class of UUID, a subclass of Python's that reads, makes and writes one in a tenth of the time."""

from asyncpg.pgproto.pgproto import UUID

__all__ = ["UUID"]
