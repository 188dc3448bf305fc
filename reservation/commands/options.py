"""Options that several commands have, and the stores that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from ..db import migrations, statements
from ..db.sql_overrides import verified_statements
from ..embedded import EmbeddedError, stores
from ..settings import Settings

data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the embedded servers' data  [default: DATA_DIR, or .data here]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


def print_json(content: Any) -> None:
    """Print the output of a command with --json."""
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def current_settings(data_dir: Path | None) -> Settings:
    """The settings of the environment; --data-dir takes precedence."""
    settings = Settings.from_env()
    return settings if data_dir is None else replace(settings, data_dir=data_dir.absolute())


@contextmanager
def current_stores(data_dir: Path | None, *, create: bool = False, any_schema: bool = False) -> Iterator[Settings]:
    """PostgreSQL and Redis of the settings, with the current schema unless `any_schema`.

    Embedded servers are started, or those of a running instance are used; `create` makes and migrates new ones.
    """
    settings = current_settings(data_dir)
    require_data(settings, create=create)
    if settings.pgbouncer:  # a command needs a session: to copy rows, and to read in one snapshot
        settings = replace(settings, database_url=settings.direct_url, pgbouncer=False)
    with stores(settings, attach_to_running=True) as filled_in:
        if settings.embedded and create:
            migrations.apply(filled_in.database_url or "")
        elif not any_schema:
            migrations.require_current(filled_in.database_url or "")
        # With any schema, the command runs none of the statements, and works with a faulty SQL_DIR.
        if not any_schema and filled_in.sql_dir is not None:
            statements.use(verified_statements(filled_in))
        yield filled_in


def require_data(settings: Settings, *, create: bool) -> None:
    """Raise EmbeddedError where embedded servers have no data yet, unless the command is to create it."""
    if settings.embedded and not create and not (settings.data_dir / "lock").exists():
        raise EmbeddedError(f"there is no data in {settings.data_dir}: start `reservation serve` there first")
