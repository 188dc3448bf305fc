"""Marks the messages of Python code for the catalogues: `from ..texts.marking import mark as _`."""


def mark(message: str) -> str:
    """The message as it is: the catalogues get what stands in `_(...)`, and it is translated where it is shown."""
    return message
