"""What a worker starts with, and how it is read again for a rolling restart."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..db.sql_overrides import verified_statements
from ..embedded import stores
from ..settings import InvalidSettings, Settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, with the addresses of the stores filled in, and every statement by its name."""

    settings: Settings
    statements: Mapping[str, str]


def read_again(new: Settings, running: Settings) -> Configuration:
    """The configuration for new workers; `running` are the settings that the service was started with.

    Raises InvalidSettings, also for a setting that takes a restart of the whole service, EmbeddedError and
    StatementsRefused.
    """
    new_fixed, fixed = _fixed(new), _fixed(running)
    changed = [name for name, value in new_fixed.items() if value != fixed[name]]
    if changed:
        raise InvalidSettings(f"a change of {', '.join(changed)} takes a restart of the service")
    with stores(new, attach_to_running=True) as settings:
        return Configuration(settings, verified_statements(settings))


def _fixed(settings: Settings) -> dict[str, object]:
    """What all workers have in common at any time: where the data is. The login to it may change."""
    return {
        "DATABASE_URL": _without_login(settings.database_url),
        "REDIS_URL": _without_login(settings.redis_url),
        "DATA_DIR": settings.data_dir,
        "POSTGRES_BIN_DIR": settings.postgres_bin_dir,
        "VALKEY_SERVER": settings.valkey_server,
    }


def _without_login(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
