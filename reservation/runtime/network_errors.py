"""Errors of the network in words, as administrators read them: without class names and error numbers."""

import os
import socket
import ssl
from collections.abc import Iterator


def in_words(error: BaseException) -> str | None:
    """What failed when a connection was made or used, or None if neither the error nor its causes tell."""
    for each in _causes(error):
        if isinstance(each, socket.gaierror):
            return f"The host name cannot be resolved: {each.strerror or 'no address'}."
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"The certificate is not accepted: {each.verify_message}."
        if isinstance(each, ssl.SSLError):
            return "TLS failed: the server does not speak it here, or not as it must."
        if isinstance(each, OSError) and each.errno is not None and each.errno > 0:
            return f"No connection: {os.strerror(each.errno)}."
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what caused it; those of aiohttp have the cause as `os_error`, and are of a kind themselves."""
    current: BaseException | None = error
    for _ in range(5):
        if current is None:
            return
        cause = getattr(current, "os_error", None) or current.__cause__
        if not hasattr(current, "os_error"):
            yield current
        current = cause
