"""Argon2id, off the event loop."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import Overloaded

# OWASP's first recommendation for Argon2id: 19 MiB, two passes, one lane; about 27 ms of one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

THREADS = 2
NICENESS = 5
MAX_WAITING = 200  # at some 40 a second a core, whoever stands further back than this has given up


def hash_password(password: str) -> str:
    """The password's Argon2id hash in PHC format; takes tens of milliseconds of CPU."""
    return _HASHER.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed; takes as long as hashing, whatever the answer."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _give_way() -> None:
    """Let the event loops go first: a login may take a little longer, the answers to all others may not."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class PasswordWorkers:
    """A few threads that hash and verify, with a bounded queue: argon2 releases the GIL meanwhile."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2", initializer=_give_way)
        self._waiting = 0
        # Verified for an unknown e-mail address, so that the answer takes as long as for a known one.
        self._nobody = hash_password(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Hash without blocking the event loop; raises Overloaded when too many wait."""
        with self._place():
            return await asyncio.get_running_loop().run_in_executor(self._threads, hash_password, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Verify without blocking the event loop; None, for an unknown account, takes as long and is False."""
        stored = self._nobody if password_hash is None else password_hash
        with self._place():
            matches = await asyncio.get_running_loop().run_in_executor(self._threads, verify_password, stored, password)
        return matches and password_hash is not None

    def close(self) -> None:
        """Wait for what runs and drop what waits."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._waiting >= MAX_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
