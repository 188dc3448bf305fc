"""The customers: files of tokens, of which only valid ones are used, and sign-ups at a target that answers 429."""

import asyncio
import stat
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from reservation.identity.tokens import TokenMint
from reservation.load import LoadError, customers
from reservation.load.client import Client
from reservation.load.connection import Answer
from reservation.load.customers import local_email, log_in_all, read_tokens, remote_email, write_tokens
from reservation.load.target import Target
from tests.conftest import StartApi


def tokens(count: int, *, ttl_s: int = 3600) -> list[str]:
    mint = TokenMint(("a-secret-of-the-tests-that-is-long-enough",), ttl_s, ttl_s, ttl_s)
    return [mint.mint("access", number + 1, "user", uuid4(), 1) for number in range(count)]


def test_written_tokens_are_read_again_from_a_private_file(tmp_path: Path) -> None:
    file, made = tmp_path / "tokens", tokens(3)
    file.write_text("\n".join(tokens(1)))  # for all to read
    write_tokens(file, made)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_tokens(file, users=3, life_s=60) == made
    assert read_tokens(file, users=2, life_s=60) == made[:2]


def test_a_file_with_too_few_or_expiring_tokens_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    assert read_tokens(file, users=1, life_s=60) is None
    write_tokens(file, [*tokens(1), *tokens(1, ttl_s=30)])
    assert read_tokens(file, users=3, life_s=1) is None
    assert read_tokens(file, users=2, life_s=60) is None
    assert read_tokens(file, users=2, life_s=1) is not None


@pytest.mark.parametrize("content", [b"no token\n", b"a.b.c\n", b"a.e30.c\n", b"a.W10.c\n", b"\xff\xfe"])
def test_an_invalid_token_is_refused_with_its_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokens"
    file.write_bytes(content)
    with pytest.raises(LoadError, match=f"{file}.*token"):
        read_tokens(file, users=1, life_s=60)


@pytest.mark.parametrize("content", ["my notes\n", "\n", f"{tokens(1)[0]}\nand a note\n"])
def test_a_file_of_anything_but_tokens_is_never_overwritten(tmp_path: Path, content: str) -> None:
    file = tmp_path / "notes"
    file.write_text(content)
    with pytest.raises(LoadError, match=f"{file} is there and is no file of tokens"):
        write_tokens(file, tokens(1))
    assert file.read_text() == content


def test_addresses_of_load_users_sort_by_number() -> None:
    addresses = [local_email(1), remote_email(1), remote_email(999_999)]
    assert addresses == [
        "load-000001@load.invalid",
        "remote-load-000001@load.invalid",
        "remote-load-999999@load.invalid",
    ]


class Recording(Client):
    """A client that records the status of each answer."""

    statuses: tuple[int, ...] = ()

    async def fetch(self, request: bytes) -> Answer:
        answer = await super().fetch(request)
        self.statuses += (answer.status,)
        return answer


async def test_a_sign_up_that_is_answered_429_is_repeated(
    start_api: StartApi, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "LONGEST_WAIT_S", 0.05)
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="1")
    client = Recording(Target.of(str(api.client.make_url("/")).rstrip("/")), connections=2, timeout_s=30)
    async with Redis.from_url(redis_url) as redis, client, asyncio.timeout(60):
        signing_in = asyncio.create_task(log_in_all(client, users=3))
        while not signing_in.done():
            if client.statuses[-1:] == (429,):
                await redis.flushall()  # the minute is over
            await asyncio.sleep(0.01)
        assert len(set(await signing_in)) == 3
    assert {*client.statuses} == {201, 200, 429}
