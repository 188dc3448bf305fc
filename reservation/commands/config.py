"""`reservation config`: the settings in force."""

from dataclasses import dataclass

import click

from ..identity.admins import check_admin_password
from ..settings import Env, Settings
from ..settings.environment import Given
from ..settings.values import FILE_PARAMETERS
from .options import as_json, print_json

HIDDEN = "***"
# Parameters of the stores' URLs without secrets: addresses, and names of files.
SHOWN = {
    "host",
    "port",
    "db",
    "target_session_attrs",
    "sslmode",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    *FILE_PARAMETERS,
}


@dataclass(frozen=True)
class Setting:
    """A setting as it is printed; `value` is None where it is unset."""

    name: str
    value: str | None
    source: str


def settings_in_force(given: dict[str, Given]) -> list[Setting]:
    """All settings, with the text and the source of each; secrets are hidden."""
    return [_setting(variable, given.get(variable.name)) for variable in Settings.variables().values()]


@click.command()
@as_json
def config(as_json: bool) -> None:
    """Print the settings in force here, without secrets.

    They are those of this environment and of .env in this folder: a service that was started with others, as `make run`
    does, has those. Exit status 1 if they are not valid. Needs no stores.
    """
    settings = Settings.from_env()  # fails as the start of the service would
    check_admin_password(settings)
    found = settings_in_force(Settings.given())
    if as_json:
        print_json(found)
        return
    width = max(len(setting.name) for setting in found)
    for setting in found:
        value = "" if setting.value is None else setting.value
        click.echo(f"{setting.name:{width}}  {value}  ({setting.source})")
    click.echo("These are the settings of this environment and folder; a running service may have others.", err=True)
    if settings.embedded:
        click.echo(
            "The service starts its own PostgreSQL and Valkey, as DATABASE_URL and REDIS_URL are unset.", err=True
        )


def _setting(variable: Env, given: Given | None) -> Setting:
    if given is None:
        return Setting(variable.name, variable.default, "unset" if variable.default is None else "default")
    text = given.text
    if variable.is_secret:
        text = _without_secret(text) if variable.name.endswith("_URL") else HIDDEN
    return Setting(variable.name, text, given.source)


def _without_secret(text: str) -> str:
    """The scheme, user, hosts, path and SHOWN parameters of a URL; its password and other parameters are hidden."""
    scheme, separator, rest = text.partition("://")
    address, question, parameters = rest.partition("?")
    login, at, hosts = address.rpartition("@")
    user, colon, _password = login.partition(":")
    return "".join(
        (scheme, separator, user, f"{colon}{HIDDEN}" if colon else "", at, hosts, question and f"?{_shown(parameters)}")
    )


def _shown(parameters: str) -> str:
    found = [] if "@" in parameters else parameters.split("&")  # with @, it may be the end of a password
    shown = [each for each in found if each.partition("=")[0] in SHOWN]
    return "&".join(shown if shown and len(shown) == len(found) else [*shown, HIDDEN])
