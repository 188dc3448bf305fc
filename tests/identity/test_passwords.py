"""Argon2id hashes of passwords."""

import pytest

from reservation.identity import passwords

SERVICES_HASHER = passwords._HASHER  # the tests' cheap one replaces it after the import


def test_a_hash_has_the_cost_that_owasp_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", SERVICES_HASHER)

    stored = passwords.hash_password("correct horse battery")

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify_password(stored, "correct horse battery")
    assert not passwords.verify_password(stored, "correct horse batterz")
