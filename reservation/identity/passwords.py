"""Argon2id hashes of passwords, computed in threads beside the event loop."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import Invalid, Overloaded
from .password_strength import why_weak

# OWASP's first recommendation for Argon2id: 19 MiB, two passes, one lane; about 27 ms of one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

Result = TypeVar("Result")

THREADS = 2
NICENESS = 5
MAX_WAITING = 200  # at some 40 a second a core, a client behind so many would wait too long


def normalised(password: str) -> str:
    """The password in Unicode's form NFKC, in which keyboards that type the same characters otherwise agree."""
    return normalize("NFKC", password)


def hash_password(password: str) -> str:
    """The Argon2id hash of the normalised password in PHC format; takes some 27 ms of CPU."""
    return _HASHER.hash(normalised(password))


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password has this hash; takes as long as hashing in either case.

    The hash may be older than the normalisation, so a password that is not normalised is tried as typed as well.
    """
    return any(_has_hash(password_hash, form) for form in dict.fromkeys((normalised(password), password)))


def hash_again(password_hash: str, password: str) -> str | None:
    """The hash that is to replace that of a verified password, or None for one of its normalised form."""
    if normalised(password) == password or _has_hash(password_hash, normalised(password)):
        return None
    return hash_password(password)


def _has_hash(password_hash: str, text: str) -> bool:
    try:
        return _HASHER.verify(password_hash, text)
    except (VerificationError, InvalidHashError):
        return False


def _lower_priority() -> None:
    """Run this thread behind the event loops, so that hashing delays logins only."""
    if sys.platform == "linux":  # where a thread has its own priority
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class PasswordWorkers:
    """A few threads that hash and verify, with a bounded queue; argon2 releases the GIL."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2", initializer=_lower_priority)
        self._waiting = 0
        # Verified for an unknown e-mail address, so that it takes as long as a known one.
        self._dummy_hash = hash_password(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Hash in a thread; raises Overloaded if too many wait."""
        return await self._run(hash_password, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Verify in a thread; False for None, an unknown account, after the same time. Raises Overloaded."""
        stored = self._dummy_hash if password_hash is None else password_hash
        matches = await self._run(verify_password, stored, password)
        return matches and password_hash is not None

    async def hash_again(self, password_hash: str, password: str) -> str | None:
        """As the function of this name, in a thread; raises Overloaded."""
        return None if normalised(password) == password else await self._run(hash_again, password_hash, password)

    async def require_strong(self, password: str, pointer: str, *, personal: Sequence[str]) -> None:
        """Raise Invalid at `pointer` for a password that is easy to guess (see why_weak), and Overloaded."""
        reason = await self._run(why_weak, password, personal)
        if reason is not None:
            raise Invalid(pointer, reason)

    def close(self) -> None:
        """Wait for running calls and cancel waiting ones."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, function: Callable[..., Result], *arguments: object) -> Result:
        if self._waiting >= MAX_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        finally:
            self._waiting -= 1
