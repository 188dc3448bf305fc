"""The databases that contestants get copies of: each made once by the commands of its version, and kept."""

import hashlib
from dataclasses import dataclass

import psycopg
from psycopg import sql

from .processes import finish
from .records import BenchmarkFailed
from .stand import USERS, Stand
from .versions import BASELINE, THIS, Version, check_out

SEATS = 200  # of a room
HALVES = 2  # half of the generated showtimes are past


@dataclass(frozen=True, slots=True)
class Contents:
    """What a template has."""

    name: str
    showtimes: int = 20_000
    reservations: int = 0


EMPTY = Contents("empty")
MILLION = Contents("million", reservations=1_000_000)
# 300 showtimes a room over 60 days, of which those of 29 days lie far enough ahead: more than 100,000.
MANY = Contents("many", showtimes=213_000)
MILLION_USERS = 10_000
# No version sends mails to such addresses: with their tickets as PDF they would take more CPU than the bookings, and go
# on beside the next contestant. `benchmarks.mails` measures them.
NO_MAILS = "update users set email = replace(email, '@example.com', '@example.invalid')"


def empty_template(stand: Stand, version: Version = THIS) -> str:
    """A migrated database with showtimes, rooms and users, and nothing sold."""
    return _template(stand, EMPTY, version)


def million_template(stand: Stand) -> str:
    """The same with a million reservations beside them."""
    return _template(stand, MILLION, THIS)


def many_template(stand: Stand) -> str:
    """The same with more than 100,000 showtimes ahead."""
    return _template(stand, MANY, THIS)


def peer_template(stand: Stand) -> str:
    """What the peers use: the schema of one commit, so that they stay what they are when the service's changes."""
    return empty_template(stand, check_out(BASELINE, stand.folder))


def _template(stand: Stand, contents: Contents, version: Version) -> str:
    prefix = f"bench_{contents.name}_"
    name = prefix + _schema(version)
    stand.templates.add(name)
    if _is_good(stand, name, contents):
        return name
    with stand.connect("postgres") as connection:
        found = connection.execute("select datname from pg_database where datname like %s", [prefix + "%"]).fetchall()
        unfinished = f"unfinished_{name}"
        unused = {database for (database,) in found} - (stand.templates - {name})
        for database in (*unused, unfinished):
            stand.drop(database)
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(unfinished)))
    _fill(stand, contents, version, unfinished)
    with stand.connect("postgres") as connection:
        connection.execute(
            sql.SQL("alter database {} rename to {}").format(sql.Identifier(unfinished), sql.Identifier(name))
        )
    if not _is_good(stand, name, contents):
        raise BenchmarkFailed(f"the database {name} has too few showtimes ahead")
    return name


def _fill(stand: Stand, contents: Contents, version: Version, database: str) -> None:
    run(stand, version, database, "migrate")
    if contents.reservations:
        generate(
            stand,
            version,
            database,
            showtimes=contents.showtimes,
            users=MILLION_USERS,
            reservations=contents.reservations,
        )
    generate(stand, version, database, showtimes=contents.showtimes, users=USERS)
    with stand.connect(database) as connection:
        connection.execute(NO_MAILS)
        connection.execute("vacuum (analyze, freeze)")
        if not contents.reservations:
            # Resets the statistics of tables seen empty: plans based on them read whole tables.
            connection.execute("truncate reservations, booked_seats cascade")


def generate(
    stand: Stand,
    version: Version,
    database: str,
    *,
    showtimes: int,
    users: int,
    reservations: int = 0,
    seats: int = SEATS,
) -> None:
    """Add rooms, showtimes, customers and reservations."""
    counts = {"showtimes": showtimes, "seats": seats, "users": users, "reservations": reservations}
    options = [text for name, count in counts.items() for text in (f"--{name}", str(count))]
    run(stand, version, database, "seed", "scale", *options)


def run(stand: Stand, version: Version, database: str, *command: str) -> None:
    """Run a command of the service on a database; BenchmarkFailed if it fails."""
    settings = stand.settings(database_url=stand.database_url(database), redis_url=stand.servers.redis_url)
    finish(version.command(*command), folder=stand.folder, environment={**settings, **version.environment()})


def _is_good(stand: Stand, name: str, contents: Contents) -> bool:
    """Whether the template exists and is of today: its showtimes lie around the day when it was made."""
    try:
        with stand.connect(name) as connection:
            row = connection.execute(
                "select count(*) from showtimes as st where st.starts_at > current_date + 2 "
                "and not exists (select from reservations as r where r.showtime_id = st.id) "
                "and not exists (select from users where email like '%@example.com')"
            ).fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and row[0] >= contents.showtimes * 2 // (HALVES * 3)


def _schema(version: Version) -> str:
    """A short name for the schema, so that a template of another one is not used."""
    found = sorted((version.tree / "migrations").glob("*.sql"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in found)).hexdigest()[:8]
