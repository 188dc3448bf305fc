"""The customers: accounts named load-000001@load.invalid and so on, with access tokens from before the clock starts.

With the target's stores their tokens are minted. Customers of a remote target sign up and log in, which takes the
target some 50 ms of CPU each; they are named remote-load-000001@load.invalid and so on, since the other accounts have
no password.
"""

import asyncio
import os
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from ..db.repository import load as repository
from ..identity.tokens import TokenMint
from ..runtime.progress import progress
from ..seed.scale import PASSWORD
from ..settings import Settings
from . import LoadError
from .access import TargetAccess, database_connection
from .client import Client
from .connection import Answer
from .showtimes import expect

LOGINS_AT_ONCE = 8  # the target hashes passwords in a few threads with a bounded queue
LONGEST_WAIT_S = 60.0  # before a 429 is repeated, whatever Retry-After says
MAX_USERS = 999_999
TOKEN_LINES = re.compile(rb"(?:eyJ[\w-]*\.[\w-]+\.[\w-]+(?:\n|\Z))*")
SPARE_S = 900  # for the start, the last answers and the audit


async def tokens_for(client: Client, access: TargetAccess, *, users: int, life_s: float) -> list[str]:
    """Tokens of that many customers, valid for `life_s` seconds: from the file, minted, or by logging in."""
    file = access.tokens_file
    tokens = None if file is None else read_tokens(file, users=users, life_s=life_s)
    if tokens is not None:
        await check_tokens(client, tokens, file)
        return tokens
    if access.settings is not None:
        tokens = await mint_tokens(access.settings, users=users, life_s=life_s)
    else:
        tokens = await log_in_all(client, users=users)
        if not outlive(tokens, life_s - SPARE_S):
            raise LoadError(f"{client.target.url} gives tokens that expire before the end: ask for less")
    await check_tokens(client, tokens)
    if file is not None:
        write_tokens(file, tokens)
    return tokens


def local_email(number: int) -> str:
    """The address of a load user that load/ensure_users makes; numbers begin at 1."""
    return f"load-{number:06}@load.invalid"


def remote_email(number: int) -> str:
    """The address of a load user that has signed up at a remote target."""
    return f"remote-load-{number:06}@load.invalid"


async def mint_tokens(settings: Settings, *, users: int, life_s: float) -> list[str]:
    """Tokens of the first load users, signed with the target's JWT_SECRET."""
    ttl_s = int(life_s) + SPARE_S
    async with database_connection(settings, "load tokens") as conn, conn.transaction():
        await repository.ensure_users(conn, user_count=users)
        sessions = await repository.open_sessions(conn, user_count=users, ttl_s=ttl_s)
    mint = replace(TokenMint.from_settings(settings), access_ttl_s=ttl_s)
    return [mint.mint("access", user_id, "user", session_id, 1) for user_id, session_id in sessions]


async def check_tokens(client: Client, tokens: Sequence[str], file: Path | None = None) -> None:
    """Raise LoadError unless the target accepts the tokens, which may be from a file, as those of load users."""
    answer = await client.call("GET", "/auth/me", token=tokens[0])
    if not answer.status:
        raise LoadError(f"{client.target.url} cannot be reached: {answer.fault}")
    if answer.status == 200 and str(answer.json().get("email", "")).endswith("@load.invalid"):
        return
    if file is not None:
        raise LoadError(
            f"{client.target.url} does not take the tokens in {file} as its load users': they are those of another "
            "installation, or have expired; delete the file, or name another"
        )
    raise LoadError(
        f"{client.target.url} does not know the load users: its stores are not those of the settings at hand "
        "(DATABASE_URL, or the data folder), or the tokens are not its own; for another's service say --remote"
    )


async def log_in_all(client: Client, *, users: int) -> list[str]:
    """Sign up the load users that are new, and log all in; raises LoadError."""
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def log_in(number: int) -> str:
        login = {"email": remote_email(number), "password": PASSWORD}
        async with gate:
            signed_up = await _repeat_429(client, "/auth/signup", {**login, "name": f"Load user {number}"})
            if signed_up.status != 409:
                expect(signed_up, 201, f"the sign-up of {remote_email(number)}")
            answer = await _repeat_429(client, "/auth/login", login)
        advance(1)
        return str(expect(answer, 200, f"the login of {remote_email(number)}")["access_token"])

    with progress("customers signed in", users, plain_lines=True) as advance:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(log_in(number)) for number in range(1, users + 1)]
        except* LoadError as errors:
            raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _repeat_429(client: Client, path: str, body: dict[str, str]) -> Answer:
    """The answer to a request, which is sent again after Retry-After as long as it is answered 429."""
    answer = await client.call("POST", path, body=body)
    while answer.status == 429:
        await asyncio.sleep(min(answer.retry_after_s(LONGEST_WAIT_S), LONGEST_WAIT_S))
        answer = await client.call("POST", path, body=body)
    return answer


async def log_in_admin(client: Client, admin: tuple[str, str]) -> str:
    """A token of an administrator, by e-mail address and password; raises LoadError."""
    login = await client.call("POST", "/auth/login", body={"email": admin[0], "password": admin[1]})
    return str(expect(login, 200, "the administrator's login")["access_token"])


async def list_all(client: Client, token: str, path: str) -> AsyncIterator[dict[str, Any]]:
    """The items of all pages of a list; the path has a query. Raises LoadError."""
    cursor: str | None = ""
    while cursor is not None:
        page = expect(await client.call("GET", f"{path}&limit=200{cursor}", token=token), 200, path)
        for item in page["items"]:
            yield item
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"


def read_tokens(path: Path, *, users: int, life_s: float) -> list[str] | None:
    """The first tokens of a file; None when it is not there, has too few, or one of them expires within `life_s`."""
    tokens = check_tokens_file(path)[:users]
    try:
        return tokens if len(tokens) == users and outlive(tokens, life_s) else None
    except LoadError as error:
        raise LoadError(f"{path}: {error}") from None


def check_tokens_file(path: Path) -> list[str]:
    """The tokens of a file that may be overwritten, none if it does not exist; raises LoadError for any other file."""
    content = b"" if not path.exists() else path.read_bytes() if path.is_file() else b"no file"
    if TOKEN_LINES.fullmatch(content) is None:
        raise LoadError(f"{path} is there and is no file of tokens, one a line: it is left alone; name another file")
    return content.decode().split()


def outlive(tokens: Sequence[str], life_s: float) -> bool:
    """Whether all the tokens are valid for that long; only the target can check their signatures."""
    return min(map(_expires_at, tokens)) > time.time() + life_s


def write_tokens(path: Path, tokens: Sequence[str]) -> None:
    """Write the tokens, one a line, into a file that only its owner reads; raises LoadError if it is something else."""
    check_tokens_file(path)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.writelines(f"{token}\n" for token in tokens)
    unfinished.replace(path)
    click.echo(f"wrote {len(tokens):,} tokens to {path}")


def _expires_at(token: str) -> float:
    try:
        payload = token.split(".")[1]
        return float(orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise LoadError("this is no access token of the service") from None
