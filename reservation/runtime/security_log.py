"""The security log: one line for each event that tells who came in, who was refused, and who changed whose rights.

It is written whatever LOG_LEVEL is. It has ids of accounts, never e-mail addresses, passwords, tokens or keys.
"""

import logging
from typing import Any

NAME = "reservation.security"


def record(event: str, *, user_id: int | None, address: str | None, **fields: Any) -> None:
    """Write an event: the account that acts, None if it is not known, the client's address, and what else matters.

    No field may have the name of an attribute of logging.LogRecord.
    """
    logging.getLogger(NAME).info(event, extra={"user_id": user_id, "address": address, **fields})
