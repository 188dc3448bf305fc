"""The customers: accounts named load-000001@load.invalid and so on, signed in before the clock starts.

Where the target's stores are at hand their tokens are minted; elsewhere they sign up and log in like anybody, which
takes the target some 50 ms of CPU each, and are named remote-load-000001@load.invalid and so on: the accounts of the
others have no password. Tokens in a file are one a line and nothing else, for every tool there is.
"""

import asyncio
import os
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg
import click
import orjson

from ..db.pool_options import tool_limits
from ..db.repository import load as repository
from ..identity.tokens import TokenMint
from ..runtime.progress import progress
from ..seed.scale import PASSWORD
from ..settings import Settings
from . import LoadError
from .client import Client
from .connection import Answer
from .showtimes import expect

LOGINS_AT_ONCE = 8  # the target hashes passwords in a few threads with a bounded queue
LONGEST_WAIT_S = 60.0  # before asking again, whatever the target says
MAX_USERS = 999_999
TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]+", re.ASCII)
SPARE_S = 900  # for the start, the last answers and the audit


def email(number: int) -> str:
    """The address of a load user of a remote target; numbers begin at 1."""
    return f"remote-load-{number:06}@load.invalid"


async def mint_tokens(settings: Settings, *, users: int, life_s: float) -> list[str]:
    """Tokens of the first load users, made by the installation's own secret."""
    ttl_s = int(life_s) + SPARE_S
    conn: repository.Connection = await asyncpg.connect(
        settings.database_url, server_settings=tool_limits("load tokens")
    )
    try:
        async with conn.transaction():
            await repository.ensure_users(conn, user_count=users)
            sessions = await repository.open_sessions(conn, user_count=users, ttl_s=ttl_s)
    finally:
        await conn.close()
    mint = replace(TokenMint.from_settings(settings), access_ttl_s=ttl_s)
    return [mint.mint("access", one.user_id, "user", one.session_id, 1) for one in sessions]


async def check_tokens(client: Client, tokens: Sequence[str], file: Path | None = None) -> None:
    """Make sure that the target takes the tokens, which may be a file's, as those of load users; raises LoadError."""
    answer = await client.fetch(client.target.request("GET", "/auth/me", token=tokens[0]))
    if not answer.status:
        raise LoadError(f"{client.target.url} cannot be reached: {answer.fault}")
    user = answer.json()
    if answer.status != 200 or not str(user.get("email", "")).endswith("@load.invalid"):
        if file is not None:
            raise LoadError(
                f"{client.target.url} does not take the tokens in {file} as its load users': they are those of another "
                "installation, or have ended; delete the file, or name another"
            )
        raise LoadError(
            f"{client.target.url} does not know the load users: its stores are not those of the settings at hand "
            "(DATABASE_URL, or the data folder), or the tokens are not its own; for another's service say --remote"
        )


async def log_in_all(client: Client, *, users: int) -> list[str]:
    """Sign the load users up where they are new, and log them in; raises LoadError."""
    tokens = [""] * users
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)
    target = client.target

    async def log_in(number: int) -> None:
        body = {"email": email(number), "password": PASSWORD}
        async with gate:
            new = orjson.dumps({**body, "name": f"Load user {number}"})
            made = await _sent_in_time(client, target.request("POST", "/auth/signup", body=new))
            if made.status != 409:
                expect(made, 201, f"the sign-up of {email(number)}")
            answer = await _sent_in_time(client, target.request("POST", "/auth/login", body=orjson.dumps(body)))
            tokens[number - 1] = expect(answer, 200, f"the login of {email(number)}")["access_token"]
        advance(1)

    with progress("customers signed in", users, plain_lines=True) as advance:
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(1, users + 1):
                    tasks.create_task(log_in(number))
        except* LoadError as group:
            raise group.exceptions[0] from None
    return tokens


async def _sent_in_time(client: Client, request: bytes) -> Answer:
    """The answer to a request, which is sent again as often as the target asks to wait with it."""
    answer = await client.fetch(request)
    while answer.status == 429:
        wait = answer.header("Retry-After") or ""  # seconds, or a date
        await asyncio.sleep(min(float(wait) if wait.isdecimal() else LONGEST_WAIT_S, LONGEST_WAIT_S))
        answer = await client.fetch(request)
    return answer


def read_tokens(path: Path, *, users: int, life_s: float) -> list[str] | None:
    """The first tokens of a file; None when it is not there, has too few, or one of them runs out before the end."""
    tokens = check_tokens_file(path)[:users]
    try:
        return tokens if len(tokens) == users and outlive(tokens, life_s) else None
    except LoadError as error:
        raise LoadError(f"{path}: {error}") from None


def check_tokens_file(path: Path) -> list[str]:
    """All lines of a file that may be overwritten: none where there is no file, else tokens; raises LoadError."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="ascii").split("\n") if path.is_file() else [""]
    except UnicodeDecodeError:
        lines = [""]
    if lines[-1] == "":
        del lines[-1]
    if not path.is_file() or (path.stat().st_size and not lines) or not all(map(TOKEN.fullmatch, lines)):
        raise LoadError(f"{path} is there and is no file of tokens, one a line: it is left alone; name another file")
    return lines


def outlive(tokens: Sequence[str], life_s: float) -> bool:
    """Whether all the tokens are good for that long; that they are genuine is the target's to judge."""
    return min(map(_expiry, tokens)) > time.time() + life_s


def write_tokens(path: Path, tokens: Sequence[str]) -> None:
    """Write the tokens, one a line, into a file that only its owner reads; raises LoadError if it is something else."""
    check_tokens_file(path)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.writelines(f"{token}\n" for token in tokens)
    unfinished.replace(path)
    click.echo(f"wrote {len(tokens):,} tokens to {path}")


def _expiry(token: str) -> float:
    """When a token runs out."""
    try:
        payload = token.split(".")[1]
        return float(orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        raise LoadError("this is no access token of the service") from None
