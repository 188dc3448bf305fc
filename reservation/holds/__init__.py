"""Holds in Redis: keys, Lua scripts (lua/*.lua), the connection that runs them, and updates to retry after an outage.

Imports runtime and errors. Redis may lose everything at any moment; PostgreSQL decides who owns a seat.
"""
