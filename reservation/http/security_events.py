"""Events of requests for the security log."""

from typing import Any

from aiohttp import web

from ..errors import (
    AccountDisabled,
    DomainError,
    Forbidden,
    InsufficientScope,
    InvalidToken,
    ReauthenticationRequired,
    TooManyAttempts,
    TotpEnrolmentRequired,
)
from ..identity.verifiers import ApiKeyIdentity
from ..runtime import security_log
from .app_keys import CALLER
from .input.client_address import client_address

# Wrong credentials are recorded where they are verified, with the account.
REFUSALS = (
    AccountDisabled,
    Forbidden,
    InsufficientScope,
    InvalidToken,
    ReauthenticationRequired,
    TooManyAttempts,
    TotpEnrolmentRequired,
)


def record_event(request: web.Request, event: str, **fields: Any) -> None:
    """Write an event with the request's caller, the API key if there is one, and the client's address."""
    caller = request.get(CALLER)
    if isinstance(caller, ApiKeyIdentity):
        fields["api_key_id"] = caller.key_id
    security_log.record(
        event, user_id=None if caller is None else caller.user_id, address=client_address(request), **fields
    )


def record_refusal(request: web.Request, error: DomainError) -> None:
    """Write that a request was refused, if that is for who sent it and not for what it asks."""
    if isinstance(error, REFUSALS):
        record_event(request, "refused", reason=type(error).__name__, method=request.method, path=request.path)
