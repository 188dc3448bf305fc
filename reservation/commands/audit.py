"""`reservation audit`."""

import asyncio
import sys
from pathlib import Path

import click

from ..dba.audit import audit_stores
from .options import current_stores, data_dir


@click.command()
@data_dir
def audit(data_dir: Path | None) -> None:
    """Check the invariants in PostgreSQL and Redis.

    Exit status 1 if one is violated.
    """
    with current_stores(data_dir) as settings:
        violations = asyncio.run(audit_stores(settings, tool="audit"))
    for violation in violations:
        click.echo(violation)
    if violations:
        sys.exit(1)
    click.echo("audit: every invariant holds")
