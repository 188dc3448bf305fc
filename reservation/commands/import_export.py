"""`reservation import` and `reservation export`: movies and showtimes as CSV."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from typing import BinaryIO

import click
from marshmallow import ValidationError

from ..catalog.bulk import exports, imports, showtime_imports
from ..catalog.bulk.csv_rows import CsvColumns, Faults, read_rows
from ..catalog.bulk.imports import Imported, ImportRolledBack
from ..db.change_author import ChangeAuthor, changes_by
from ..db.command_connections import command_database
from ..db.pool import Database
from ..db.repository.showtimes import FAR_AHEAD, FAR_BACK
from ..errors import HoldsUnavailable
from ..holds.map_versions import MapVersions
from ..holds.store import Holds
from ..runtime.fields import Day, Instant
from ..runtime.file_output import output
from ..runtime.progress import progress
from ..runtime.redis_client import redis_client
from ..seatmap.map_recovery import marked
from ..seatmap.priming import Primer
from ..settings import Settings
from .options import current_stores, data_dir

MOVIES = CsvColumns(
    (
        *("id", "title", "description", "duration_minutes", "genre", "genres", "poster_url"),
        *("age_rating", "release_date", "original_language", "director", "waiting_room"),
    ),
    required=frozenset({"title", "duration_minutes"}),
)
SHOWTIMES = CsvColumns(
    (
        *("id", "movie_id", "movie_title", "cinema_id", "cinema_name", "auditorium_id", "auditorium_name"),
        *("starts_at", "ends_at", "base_price", "format", "audio_language", "subtitle_language"),
        *("on_sale_at", "sales_end_at", "waiting_room"),
    ),
    required=frozenset({"starts_at", "ends_at", "base_price"}),
    at_least_one_of=(frozenset({"movie_id", "movie_title"}), frozenset({"auditorium_id", "auditorium_name"})),
)
ANNOUNCE_BATCH = 500  # showtimes a call to Redis
STALL_S = 600  # how long an export waits for the reader of its output


def day_or_time(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """A day, which begins at midnight UTC, or an instant."""
    if value is None:
        return None
    try:
        if len(value) <= len("2030-01-31"):
            return datetime.combine(Day().deserialize(value), time(), UTC)
        instant: datetime = Instant().deserialize(value)
    except ValidationError as error:
        raise click.BadParameter(" ".join(map(str, error.messages))) from None
    return instant


source = click.argument("file", type=click.File("rb"), default="-")
target = click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True), default="-")
skip = click.option(
    "--skip-errors", is_flag=True, help="Import the valid rows when some are invalid; the exit status is 1 even so."
)
without_ids = click.option(
    "--no-ids", is_flag=True, help="Leave the ids out: for another database, where all rows are to be new."
)


@click.group("import")
def import_group() -> None:
    """Read movies or showtimes from CSV.

    docs/client/batches-and-csv.md has the columns.
    """


@click.group("export")
def export_group() -> None:
    """Write movies or showtimes as CSV.

    `import` reads it.
    """


@import_group.command("movies")
@source
@skip
@data_dir
def import_movies(file: BinaryIO, skip_errors: bool, data_dir: Path | None) -> None:
    """Replace the movies whose id is given, and add the others; FILE may be -, the default."""
    faults = Faults()
    rows = read_rows(file, MOVIES, faults)

    async def run(settings: Settings) -> Imported:
        with progress("rows checked", len(rows)) as advance:
            checked = imports.check_movies(rows, faults, advance)
        async with tool_database(settings, "import") as database:
            with progress("rows written", len(checked)) as advance:
                return await imports.write_movies(database, checked, faults, skip_errors=skip_errors, advance=advance)

    _import(run, faults, data_dir)


@import_group.command("showtimes")
@source
@skip
@data_dir
def import_showtimes(file: BinaryIO, skip_errors: bool, data_dir: Path | None) -> None:
    """Replace the showtimes whose id is given, and add the others; FILE may be -, the default."""
    faults = Faults()
    rows = read_rows(file, SHOWTIMES, faults)

    async def run(settings: Settings) -> Imported:
        async with tool_database(settings, "import") as database, _seat_maps(settings, database) as holds:
            films, rooms = await showtime_imports.directories(database, rows)
            with progress("rows checked", len(rows)) as advance:
                checked = showtime_imports.check_showtimes(rows, films, rooms, faults, advance)
            with progress("rows written", len(checked)) as advance:
                imported, changed = await showtime_imports.write_showtimes(
                    database,
                    checked,
                    faults,
                    cleaning_s=settings.cleaning_s,
                    skip_errors=skip_errors,
                    advance=advance,
                )
            for start in range(0, len(changed), ANNOUNCE_BATCH):
                if await holds.bump_layouts(changed[start : start + ANNOUNCE_BATCH]):
                    raise HoldsUnavailable
        return imported

    _import(run, faults, data_dir)


@export_group.command("movies")
@target
@without_ids
@data_dir
def export_movies(file: str, no_ids: bool, data_dir: Path | None) -> None:
    """Write all movies; FILE may be -, the default."""
    columns = [name for name in MOVIES.names if not (no_ids and name == "id")]

    _export("movies", file, data_dir, lambda db, stream, advance: exports.export_movies(db, stream, columns, advance))


@export_group.command("showtimes")
@target
@click.option(
    "--from",
    "start",
    callback=day_or_time,
    metavar="DAY or TIME",
    help="Those that begin on this day (in UTC), or at this time, or later.",
)
@click.option(
    "--to", "end", callback=day_or_time, metavar="DAY or TIME", help="Those that begin before this day, or this time."
)
@without_ids
@data_dir
def export_showtimes(
    file: str, start: datetime | None, end: datetime | None, no_ids: bool, data_dir: Path | None
) -> None:
    """Write the scheduled showtimes, past ones included; FILE may be -, the default."""
    if start and end and start >= end:
        raise click.BadParameter("there is no time between --from and it", param_hint="--to")
    columns = [name for name in SHOWTIMES.names if not (no_ids and name.endswith("id"))]

    first, last = start or FAR_BACK, end or FAR_AHEAD
    _export(
        "showtimes",
        file,
        data_dir,
        lambda db, stream, advance: exports.export_showtimes(db, stream, columns, advance, start=first, end=last),
    )


def _export(what: str, file: str, data_dir: Path | None, write: Callable[..., Awaitable[None]]) -> None:
    """Call `write` with the database, the file and `advance`, to which it reports its progress."""

    async def run(settings: Settings, stream: BinaryIO) -> None:
        async with tool_database(settings, "export") as database:
            with progress(what, None) as advance:
                await write(database, stream, advance)

    with current_stores(data_dir) as settings, output(file) as stream:
        asyncio.run(run(settings, stream))


def tool_database(settings: Settings, name: str) -> AbstractAsyncContextManager[Database]:
    """One connection, with the service's limits."""
    return command_database(
        settings, application_name=f"reservation {name}", idle_in_transaction_session_timeout=str(STALL_S * 1000)
    )


@asynccontextmanager
async def _seat_maps(settings: Settings, database: Database) -> AsyncIterator[Holds]:
    """Redis, where changed seat maps are announced; raises HoldsUnavailable before anything is written.

    Where the announcement itself fails, the message says that PostgreSQL has what was imported.
    """
    client = redis_client(settings)
    versions = MapVersions()
    holds = Holds(client, Primer(database, versions), versions)
    try:
        async with marked(client, database):
            try:
                yield holds
            except HoldsUnavailable as error:
                raise HoldsUnavailable(
                    "everything is imported, but Redis does not answer: the seat maps show it when the service "
                    "reaches Redis again"
                ) from error
    finally:
        await holds.aclose()
        await client.aclose()


def _import(run: Callable[[Settings], Awaitable[Imported]], faults: Faults, data_dir: Path | None) -> None:
    """Run an import and print its outcome; exit status 1 if a row was invalid."""

    async def imported_or_none(settings: Settings) -> Imported | None:
        try:
            return await run(settings)
        except ImportRolledBack:
            return None

    with current_stores(data_dir) as settings, changes_by(ChangeAuthor(None, "import")):
        imported = asyncio.run(imported_or_none(settings))
    if imported is not None:
        click.echo(f"{imported.new:,} new, {imported.replaced:,} replaced, {imported.unchanged:,} as they were")
    if imported is None or faults:
        outcome = "nothing was imported" if imported is None else "the others were imported"
        for fault in faults:
            click.echo(fault, err=True)
        click.echo(f"reservation: {len(faults.lines):,} rows at fault: {outcome}", err=True)
        sys.exit(1)
