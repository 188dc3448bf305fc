"""The errors that the command line reports in one line; any other is a defect and shows its traceback."""

from redis.exceptions import RedisError

from ..db.postgresql_errors import DRIVER_ERRORS
from ..errors import DomainError, OperatorError, Unavailable

EXPECTED = (OperatorError, DomainError, RedisError, *DRIVER_ERRORS)


def one_line(error: BaseException) -> str:
    """The message; for a store that does not answer with the driver's reason, which clients of the API do not get."""
    text = str(error) or type(error).__doc__ or type(error).__name__
    cause = error.__cause__
    if not isinstance(error, Unavailable) or cause is None:
        return text
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{text} ({(str(cause) or type(cause).__name__).splitlines()[0]})"
