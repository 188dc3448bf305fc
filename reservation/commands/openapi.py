"""`reservation openapi`."""

import click

from .. import app
from ..settings import Settings


@click.command()
def openapi() -> None:
    """Print the OpenAPI document.

    It is what /openapi.json serves; needs no stores.
    """
    click.echo(app.openapi_json(Settings.from_env()))
