"""Mails: composed from templates, sent by SMTP or written as files, and retried beside the requests.

Imports runtime.
"""
