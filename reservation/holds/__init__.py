"""Holds in Redis: keys, Lua scripts (lua/*.lua), the pipelined connection, and updates to retry after an outage.

Imports runtime and errors. Redis may lose everything at any moment; PostgreSQL decides who owns a seat.
"""
