"""Which PostgreSQL server a connection goes to: one that takes writes, and no primary of before a fail-over.

Imports the repository, settings and runtime; the pools import it, and repository/ops.py its ServerLine.
"""
