"""The stores of a run: one PostgreSQL and one Valkey; each contestant has its own database in both."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from reservation.embedded import Embedded, embedded_servers
from reservation.embedded.processes import processes_in
from reservation.identity import api_key_format
from reservation.identity.tokens import TokenMint

from .proc import postgres_cpu_s, tree_cpu_s

USERS = 1_000
TOKEN_TTL_S = 86_400


@dataclass(slots=True)
class Stand:
    """The stores, and what the contestants get: databases, tokens, seats to sell."""

    folder: Path
    servers: Embedded
    postgres_pid: int
    valkey_pid: int
    made: list[str] = field(default_factory=list)
    templates: set[str] = field(default_factory=set)
    further: dict[str, int] = field(default_factory=dict)  # the pids of a contestant's own stores, by name

    def database(self, name: str, template: str) -> str:
        """Copy a template for one contestant; return the database's name."""
        self.drop(name)
        self.made.append(name)
        with self.connect("postgres") as connection:
            connection.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    def drop(self, name: str) -> None:
        """Drop a database, if it exists."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def database_url(self, name: str) -> str:
        """The URL of a database of the one PostgreSQL."""
        return urlsplit(self.servers.database_url)._replace(path=f"/{name}").geturl()

    def settings(self, *, database_url: str, redis_url: str) -> dict[str, str]:
        """The variables with which the service, or one of its commands, finds its stores."""
        return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": self.servers.jwt_secret}

    def redis_url(self, number: int) -> str:
        """The URL of one of Valkey's numbered databases, emptied."""
        url = urlsplit(self.servers.redis_url)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    def connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection to check a contestant's data, or to prepare it."""
        return psycopg.connect(self.database_url(database), autocommit=True)

    def checkpoint(self) -> None:
        """CHECKPOINT, so that the next contestant does not pay for dirty pages of the last one."""
        with self.connect("postgres") as connection:
            connection.execute("checkpoint")

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds that the stores have used so far."""
        pids = {"redis": self.valkey_pid, **self.further}
        return {**postgres_cpu_s(self.postgres_pid), **{name: tree_cpu_s(pid) for name, pid in pids.items()}}

    def tokens(self, database: str) -> Path:
        """Open a login session for each of many customers, and write a file of a user and an access token a line."""
        mint = TokenMint((self.servers.jwt_secret,), TOKEN_TTL_S, TOKEN_TTL_S, TOKEN_TTL_S)
        with self.connect(database) as connection:
            sessions = connection.execute(
                "insert into login_sessions (id, user_id, expires_at) "
                "select gen_random_uuid(), id, now() + interval '1 day' from users where role = 'user' "
                "order by id desc limit %s returning user_id, id",
                [USERS],
            ).fetchall()
        path = self.folder / f"{database}.tokens"
        lines = [
            f"{user_id} {mint.mint('access', user_id, 'user', session_id, 1)}\n" for user_id, session_id in sessions
        ]
        path.write_text("".join(lines))
        return path

    def api_keys(self, database: str) -> Path:
        """Make an API key for each of many customers, and write a file of a user and a key a line."""
        with self.connect(database) as connection:
            users = connection.execute(
                "select id from users where role = 'user' order by id desc limit %s", [USERS]
            ).fetchall()
            keys = [(user_id, api_key_format.new_key()) for (user_id,) in users]
            connection.cursor().executemany(
                "insert into api_keys (name, user_id, prefix, key_hash, scopes, created_by) "
                "values ('Shop', %s, %s, %s, '{booking}', %s)",
                [
                    (user_id, key[: api_key_format.PREFIX_CHARS], api_key_format.hash_of(key), user_id)
                    for user_id, key in keys
                ],
            )
        path = self.folder / f"{database}.api-keys"
        path.write_text("".join([f"{user_id} {key}\n" for user_id, key in keys]))
        return path

    def seats(self, database: str, *, showtimes: int | None = None) -> Path:
        """Write a file of rooms with their seats, and of the coming showtimes without a reservation in them."""
        path = self.folder / f"{database}.seats"
        with self.connect(database) as connection:
            shows = connection.execute(
                "select st.id, st.auditorium_id from showtimes as st where st.starts_at > current_date + 2 "
                "and not exists (select from reservations as r where r.showtime_id = st.id) order by st.id limit %s",
                [showtimes],
            ).fetchall()
            rooms = connection.execute(
                "select auditorium_id, array_agg(id order by char_length(row_label), row_label, seat_number) "
                "from seats where auditorium_id = any(%s) group by auditorium_id",
                [sorted({room for _, room in shows})],
            ).fetchall()
        lines = [f"room {room} {' '.join(str(seat) for seat in seats)}\n" for room, seats in rooms]
        lines += [f"show {show} {room}\n" for show, room in shows]
        path.write_text("".join(lines))
        return path


@contextmanager
def running_stand(folder: Path) -> Iterator[Stand]:
    """Run the stores, as durable as in production, for the duration of the block."""
    with embedded_servers(folder) as servers:
        postmaster = (folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        [valkey] = [pid for name in ("valkey-server", "redis-server") for pid in processes_in(folder / "valkey", name)]
        with redis.Redis.from_url(servers.redis_url) as client:
            client.flushall()
        stand = Stand(folder, servers, int(postmaster), valkey)
        try:
            yield stand
        finally:
            with suppress(psycopg.Error):  # an earlier error is the one to report
                for name in stand.made:
                    stand.drop(name)
