"""Who is calling: accounts, passwords, tokens, login sessions, API keys and login limits.

Imports db and runtime.
"""
