"""Tools for DBAs: checks and plans of the statement files, the audit, the schema as a script and a diagram, psql.

Imports booking, db, embedded (to find PostgreSQL's programs) and settings.
"""
