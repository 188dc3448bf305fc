"""The load generator: requests at a given rate or all at once, their latencies, and an audit of the answers.

Imports seed, dba, holds, identity, db, runtime and settings; no aiohttp.
"""

from ..errors import OperatorError


class LoadError(OperatorError):
    """A load command cannot do what it was asked; the message says why in one line."""
