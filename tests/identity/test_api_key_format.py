"""The format of API keys: not guessable, with a checksum that detects typing errors."""

import re
from hashlib import sha256
from zlib import crc32

import pytest

from reservation.identity.api_key_format import ALPHABET, START, hash_of, is_whole, new_key


def test_new_keys_are_unique_and_well_formed() -> None:
    keys = {new_key() for _ in range(500)}
    assert len(keys) == 500
    for key in keys:
        assert re.fullmatch(r"rsv_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", key)
        assert is_whole(key)
    assert len(ALPHABET) ** 43 > 2**256
    # All of the alphabet is used at every place: 500 keys leave out a given character of one with 0.03 % chance each.
    assert min(len({key[place] for key in keys}) for place in range(4, 47)) > 50


def test_the_checksum_is_crc_32_in_base_62() -> None:
    key = new_key()
    number = 0
    for character in key[-6:]:
        number = number * 62 + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".index(character)
    assert number == crc32(key[:-6].encode())


def test_one_changed_character_is_detected() -> None:
    key = new_key()
    for place in range(len(START), len(key)):
        for other in "0aZ_":
            slipped = key[:place] + other + key[place + 1 :]
            assert is_whole(slipped) is (slipped == key)


def test_two_swapped_characters_are_detected() -> None:
    key = new_key()
    for place in range(len(START), len(key) - 1):
        swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
        assert is_whole(swapped) is (swapped == key)


@pytest.mark.parametrize(
    "other",
    [
        "",
        "rsv_",
        "rsv_" + "0" * 49,
        "rsv_" + "０" * 49,
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "rsv_" + "a" * 5000,
        "rsv_\udcff",
    ],
)
def test_text_of_another_format_is_no_key(other: str) -> None:
    assert not is_whole(other)
    assert len(hash_of(other)) == 32  # also of bytes that are not UTF-8


def test_a_key_with_additions_is_no_key() -> None:
    key = new_key()
    for other in (key + "\n", " " + key, key + "0", key[:-1], key.upper(), key.replace("rsv_", "rsv-")):
        assert not is_whole(other)


def test_the_hash_is_sha_256() -> None:
    key = new_key()
    assert hash_of(key) == sha256(key.encode()).digest()
