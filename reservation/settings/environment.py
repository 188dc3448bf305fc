"""The texts of the settings: from the environment, files of secrets and `.env`; a misspelt name is an error."""

import os
from collections.abc import Collection, Mapping, Set
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from ..errors import OperatorError

DOTENV = ".env"
FILE = "_FILE"  # NAME_FILE: the path of a file with the secret NAME, as container platforms mount them
OTHER_VARIABLES = "OTHER_VARIABLES"  # the setting that lists names which other programs read
STORES = ("DATABASE_URL", "REDIS_URL")
EMBEDDED = "embedded"  # the value of these two that means the embedded servers, also where `.env` names others
# Beside the settings, docker-compose.yml reads these from the same `.env`, and Compose itself those with its prefix.
COMPOSE_NAMES = frozenset({"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "WORKERS", "PORT"})
COMPOSE_PREFIX = "COMPOSE_"
# OpenTelemetry has some hundred variables, which resemble each other; those that are no settings are for its library.
OTEL_PREFIX = "OTEL_"
LIKENESS = 0.85  # of two names, by difflib: DATABASE_URI and REDIS_URLS are misspelt, TEST_DATABASE_URL is another's
# Names that other software gives to its PostgreSQL or Redis: if one is set, the operator most likely means that server.
OTHER_SERVERS = (
    "PGHOST",
    "PGHOSTADDR",
    "PGSERVICE",
    "POSTGRES_HOST",
    "POSTGRES_URL",
    "POSTGRESQL_URL",
    "DB_HOST",
    "DB_URL",
    "REDIS_HOST",
    "VALKEY_HOST",
    "VALKEY_URL",
)


class InvalidSettings(OperatorError):
    """A setting is missing or invalid; the message names it and says what is expected."""


class Given(NamedTuple):
    """The text of a setting, and where it comes from: "environment", ".env" or a file's path."""

    text: str
    source: str


def read_environment(
    names: Collection[str], secrets: Collection[str], environ: Mapping[str, str] | None = None
) -> dict[str, Given]:
    """The settings that are given, by name; without `environ`, the process's own over the folder's `.env`.

    Raises InvalidSettings in these cases: `.env` has a name that is no setting; the environment has one that resembles
    a setting's; a secret is given twice, or its file cannot be read; both URLs are missing, and a name of OTHER_SERVERS
    is set or one of the URLs is empty.
    """
    dotenv = _dotenv() if environ is None else {}
    environ = os.environ if environ is None else environ
    known = {*names, *(name + FILE for name in secrets)}
    others = {name.strip() for name in environ.get(OTHER_VARIABLES, dotenv.get(OTHER_VARIABLES, "")).split(",")}
    _refuse_unknown(dotenv, known | others)
    _refuse_misspelt({name for name in environ if name not in others and not name.startswith(OTEL_PREFIX)}, known)
    given = {}
    for name in names:
        # A source with the secret itself or its file hides both of a lower one.
        for source, texts in (("environment", environ), (DOTENV, dotenv)):
            found = _given(name, texts, source, is_secret=name in secrets)
            if found is not None:
                given[name] = found
                break
    embedded = [name for name in STORES if name in given and given[name].text == EMBEDDED]
    for name in embedded:
        del given[name]
    if not embedded and not given.keys() & set(STORES):
        _refuse_other_servers(environ, dotenv)
    return given


def read_secret(name: str) -> str | None:
    """One secret of the process's environment, or of the file that it names; None if neither is set.

    For a command that needs no other setting: the others are not looked at, and neither is `.env`, which may belong to
    another installation. Raises InvalidSettings.
    """
    found = _given(name, os.environ, "environment", is_secret=True)
    return None if found is None else found.text


def notify_socket() -> str | None:
    """The address at which systemd waits for notifications; None if it does not."""
    return os.environ.get("NOTIFY_SOCKET") or None


def _dotenv() -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(DOTENV).items() if value is not None}
    except UnicodeDecodeError:
        raise InvalidSettings("the file .env is not text in UTF-8") from None


def _given(name: str, texts: Mapping[str, str], source: str, *, is_secret: bool) -> Given | None:
    text = texts.get(name, "").strip()
    path = texts.get(name + FILE, "").strip() if is_secret else ""
    if text and path:
        raise InvalidSettings(f"{name} and {name}{FILE} are both set: set one of them")
    if path:
        return Given(_secret(name, path), path)
    return Given(text, source) if text else None


def _secret(name: str, path: str) -> str:
    try:
        text = Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise InvalidSettings(f"{name}{FILE} cannot be read: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidSettings(f"{name}{FILE} is not text in UTF-8: {path}") from None
    if not text:
        raise InvalidSettings(f"{name}{FILE} is empty: {path}")
    return text


def _refuse_unknown(dotenv: Mapping[str, str], known: Collection[str]) -> None:
    for name in dotenv:
        if name in known or name in COMPOSE_NAMES or name.startswith(COMPOSE_PREFIX) or name in OTHER_SERVERS:
            continue
        nearest = get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        hint = f"did you mean {nearest[0]}?" if nearest else "`reservation config` lists the settings"
        raise InvalidSettings(f"{name} in .env is not a setting: {hint}")


def _refuse_misspelt(names: Set[str], known: Set[str]) -> None:
    # The environment has other programs' variables, too: only what resembles a setting is refused.
    for name in names - known:
        nearest = get_close_matches(name.upper(), known, n=1, cutoff=LIKENESS)
        if nearest and nearest[0][0] == name[0].upper():
            raise InvalidSettings(
                f"{name} is not a setting: did you mean {nearest[0]}? If another program reads it, name it in"
                f" {OTHER_VARIABLES}"
            )


def _refuse_other_servers(environ: Mapping[str, str], dotenv: Mapping[str, str]) -> None:
    for name in OTHER_SERVERS:
        if environ.get(name, dotenv.get(name, "")).strip():
            raise InvalidSettings(
                f"{name} is set, but DATABASE_URL and REDIS_URL are not: set both, or unset {name} for embedded servers"
            )
    for name in STORES:
        if name in environ:  # such as that of a Compose file whose variable is missing
            raise InvalidSettings(f"{name} is empty: give a URL, or the word {EMBEDDED} for embedded servers")
