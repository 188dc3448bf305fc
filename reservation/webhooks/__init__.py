"""Webhooks: their administration, the signatures, and the client that sends events only to addresses that are allowed.

Imports db and runtime.
"""
