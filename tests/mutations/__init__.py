"""Mutations of SQL and Lua: conditions that are left out, one at a time, each of which a test must notice."""
