"""The errors that the command line reports in one line; any other is a defect and shows its traceback."""

import asyncpg
from redis.exceptions import RedisError

from .. import resources, serving
from ..catalog.bulk.csv_rows import FileError
from ..db.psycopg_connections import SchemaError
from ..db.statements import StatementsRefused
from ..dba.client_programs import CannotConnect, ClientFailed
from ..dba.explain import CannotExplain
from ..dba.statement_headers import HeaderError
from ..embedded import EmbeddedError
from ..errors import DomainError, Unavailable
from ..identity.admins import UnknownUser
from ..load import LoadError
from ..seed.scale import SeedError
from ..settings import InvalidSettings
from .sql import NoStatistics

EXPECTED = (
    InvalidSettings,
    EmbeddedError,
    DomainError,
    SchemaError,
    SeedError,
    serving.CannotListen,
    serving.StartFailed,
    serving.ServerLost,
    resources.CannotStart,
    UnknownUser,
    LoadError,
    FileError,
    CannotExplain,
    HeaderError,
    NoStatistics,
    CannotConnect,
    ClientFailed,
    StatementsRefused,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    RedisError,
    OSError,
)


def one_line(error: BaseException) -> str:
    """The message; for a store that does not answer with the driver's reason, which clients of the API do not get."""
    text = str(error) or type(error).__doc__ or type(error).__name__
    cause = error.__cause__
    if not isinstance(error, Unavailable) or cause is None:
        return text
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{text} ({(str(cause) or type(cause).__name__).splitlines()[0]})"
