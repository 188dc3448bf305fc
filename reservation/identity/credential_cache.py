"""Verified credentials, remembered until an invalidation or for at most a minute."""

from collections.abc import Awaitable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Literal, TypeVar
from uuid import UUID

from ..db.repository.accounts import User

MAX_AGE_S = 60.0  # a lost invalidation has no effect after this

Credential = TypeVar("Credential", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Identity:
    """The account that a verified credential acts for.

    `subjects` are what an invalidation of the credential can name; `valid_until` is of this process's monotonic clock.
    """

    user: User
    subjects: tuple[str, ...]
    valid_until: float

    @property
    def user_id(self) -> int:
        """The account's id."""
        return self.user.id


VerifiedIdentity = TypeVar("VerifiedIdentity", bound=Identity)


def subject(kind: Literal["session", "user", "key"], subject_id: UUID | int) -> str:
    """The name of a login session, an account or an API key in an invalidation."""
    return f"{kind} {subject_id}"


class CredentialCache(Generic[Credential, VerifiedIdentity]):
    """The identities of at most `max_entries` credentials; while invalidations do not arrive, of none."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._identities: dict[Credential, VerifiedIdentity] = {}  # the oldest first
        self._by_subject: dict[str, set[Credential]] = {}
        self._connected = False
        self._invalidations = 0

    def get(self, credential: Credential) -> VerifiedIdentity | None:
        """The identity of a credential that was verified before and is valid."""
        identity = self._identities.get(credential)
        return identity if identity is not None and monotonic() < identity.valid_until else None

    async def fill(self, credential: Credential, lookup: Awaitable[VerifiedIdentity]) -> VerifiedIdentity:
        """Await a look-up and keep its result, unless there was an invalidation meanwhile, which it may have missed."""
        invalidations = self._invalidations
        identity = await lookup
        if self._connected and invalidations == self._invalidations:
            self._add(credential, identity)
        return identity

    def invalidate(self, name: str) -> None:
        """Remove every credential that has this subject."""
        self._invalidations += 1
        for credential in tuple(self._by_subject.get(name, ())):
            self._remove(credential)

    def set_connected(self, connected: bool) -> None:
        """Whether invalidations arrive from now on; removes everything, since some may have been missed."""
        self._connected = connected
        self._invalidations += 1
        self._identities.clear()
        self._by_subject.clear()

    def _add(self, credential: Credential, identity: VerifiedIdentity) -> None:
        if credential in self._identities:
            self._remove(credential)
        self._identities[credential] = identity
        for name in identity.subjects:
            self._by_subject.setdefault(name, set()).add(credential)
        if len(self._identities) > self._max_entries:
            self._remove(next(iter(self._identities)))

    def _remove(self, credential: Credential) -> None:
        for name in self._identities.pop(credential).subjects:
            credentials = self._by_subject[name]
            credentials.discard(credential)
            if not credentials:
                del self._by_subject[name]
