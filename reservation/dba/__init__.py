"""Tools for DBAs: statement files checked, explained and compared with stored plans; the audit; the schema as a script.

Imports booking, db and settings.
"""
