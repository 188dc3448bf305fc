"""`reservation create-admin` and `reservation token`."""

from pathlib import Path

import click

from ..identity import admins
from .options import current_stores, data_dir


@click.command("create-admin")
@click.option(
    "--email",
    required=True,
    help="E-mail address; an existing account becomes an administrator and gets the new password.",
)
@click.password_option(help="Asked for if not given.")
@data_dir
def create_admin(email: str, password: str, data_dir: Path | None) -> None:
    """Create an administrator, or make an account one.

    The sessions of an existing account end.
    """
    with current_stores(data_dir) as settings:
        admins.create_admin(settings, email=email, password=password)
    click.echo(f"{email} is an administrator with the password given")


@click.command()
@click.option("--email", required=True, help="E-mail address of the account.")
@data_dir
def token(email: str, data_dir: Path | None) -> None:
    """Print an access token of an account.

    With it, a load test does not measure password hashing.
    """
    with current_stores(data_dir) as settings:
        click.echo(admins.mint_token(settings, email=email))
