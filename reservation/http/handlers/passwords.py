"""Change a password, or replace a forgotten one by a mailed token."""

from aiohttp import web

from ...errors import Forbidden, InvalidCredentials, InvalidToken, TooManyAttempts
from ...identity import password_changes as service
from ...identity.verifiers import SessionIdentity
from ...runtime.fields import Input, VerbatimText
from ..app_keys import ACCOUNTS, BODY, CALLER
from ..input.client_address import client_address
from ..routes import Access, Routes
from ..security_events import record_event
from .accounts import Email, NewPassword

routes = Routes("Accounts")

MAX_TOKEN_CHARS = 200


class PasswordInput(Input):
    """The password that is valid, and the one that replaces it."""

    current_password = VerbatimText(1024, required=True, metadata={"format": "password"})
    new_password = NewPassword()


class ForgottenPasswordInput(Input):
    """The address of an account whose password is forgotten."""

    email = Email()


class ResetPasswordInput(Input):
    """A mailed token, and the new password."""

    token = VerbatimText(MAX_TOKEN_CHARS, required=True)
    new_password = NewPassword()


@routes.add(
    "POST",
    "/auth/password",
    access=Access.SIGNED_IN,
    body=PasswordInput(),
    status=204,
    raises=(InvalidCredentials, Forbidden, TooManyAttempts),
)
async def change_password(request: web.Request) -> web.StreamResponse:
    """Change your password.

    All other login sessions of the account end; this one goes on. A wrong current password is 401
    `invalid_credentials`, and counts as a failed login. A guest has no password: 403.
    """
    caller = request[CALLER]
    if not isinstance(caller, SessionIdentity):  # no scope lets an API key in
        raise Forbidden
    await service.change_password(
        request.app[ACCOUNTS],
        user=caller.user,
        session_id=caller.session_id,
        address=client_address(request),
        **request[BODY],
    )
    record_event(request, "password_changed")
    return web.Response(status=204)


@routes.add("POST", "/auth/password/forgot", body=ForgottenPasswordInput(), status=202, raises=(TooManyAttempts,))
async def request_password_reset(request: web.Request) -> web.StreamResponse:
    """Mail a token for a new password to an address.

    Always 202, after the same time, whether or not an account has the address; without one, no mail is sent. The token
    can be used once, within 30 minutes. You can ask five times an hour for one address. After five mails that others
    have asked for, another is sent when the last one is no longer good for 10 minutes: use the one that was sent.
    """
    record_event(request, "password_reset_requested")
    await service.request_reset(request.app[ACCOUNTS], email=request[BODY]["email"], address=client_address(request))
    return web.Response(status=202)


@routes.add("POST", "/auth/password/reset", body=ResetPasswordInput(), status=204, raises=(InvalidToken,))
async def reset_password(request: web.Request) -> web.StreamResponse:
    """Choose a new password with a mailed token.

    All login sessions of the account end. A token that is unknown, used or expired is 401 `invalid_token`. A password
    that is easy to guess is 422, and the token can be used again.
    """
    user_id = await service.reset_password(request.app[ACCOUNTS], **request[BODY])
    record_event(request, "password_reset", subject_id=user_id)
    return web.Response(status=204)
