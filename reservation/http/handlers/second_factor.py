"""One-time passwords (TOTP) as a second factor, and the confirmation of the password within a session."""

from aiohttp import web
from marshmallow import Schema, fields

from ...db.repository.totp import Totp
from ...errors import (
    Forbidden,
    InvalidCredentials,
    NotFound,
    ReauthenticationRequired,
    TooManyAttempts,
    TotpEnrolled,
    TotpRequired,
)
from ...identity import reauthentication, totp as service
from ...identity.verifiers import SessionIdentity
from ...runtime.fields import Input, Instant, VerbatimText
from ..app_keys import ACCOUNTS, BODY, CALLER, SETTINGS
from ..authentication import require_recent_password
from ..input.client_address import client_address
from ..output.responses import json_response
from ..routes import Access, Routes
from ..security_events import record_event
from .accounts import MAX_CODE_CHARS, TOTP_METADATA

routes = Routes("Accounts", Access.SIGNED_IN)

EXAMPLE = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # a secret


class CodeInput(Input):
    """A code of the authenticator app."""

    code = VerbatimText(MAX_CODE_CHARS, required=True, metadata={"examples": ["123456"]})


class RemovalInput(Input):
    """A code of the authenticator app, or a recovery code."""

    code = VerbatimText(MAX_CODE_CHARS, required=True, metadata={"examples": ["123456"]})


class PasswordAgainInput(Input):
    """The password of the account, and a code if it has a second factor."""

    password = VerbatimText(1024, required=True, metadata={"format": "password"})
    totp_code = VerbatimText(MAX_CODE_CHARS, load_default=None, allow_none=True, metadata=TOTP_METADATA)


class TotpOutput(Schema):
    """Whether logins need a code, since when, and how many recovery codes are left."""

    enrolled = fields.Boolean(required=True)
    confirmed_at = Instant(required=True, allow_none=True)
    recovery_codes_left = fields.Integer(required=True, metadata={"examples": [9]})


class EnrolmentOutput(Schema):
    """The secret for the authenticator app, in base32 and as the content of a QR code; shown only once."""

    secret = fields.String(required=True, metadata={"examples": [EXAMPLE]})
    otpauth_uri = fields.String(
        required=True, metadata={"examples": [f"otpauth://totp/Cinema:ada@example.com?secret={EXAMPLE}&issuer=Cinema"]}
    )


class ConfirmedTotpOutput(Schema):
    """Codes, each good for one login without the authenticator app; shown only once."""

    recovery_codes = fields.List(
        fields.String(), required=True, metadata={"examples": [["7K2M9P-Q4RS8T-V1WX3Y-Z5A6BC"]]}
    )


@routes.add(
    "POST",
    "/auth/reauthenticate",
    body=PasswordAgainInput(),
    status=204,
    raises=(InvalidCredentials, Forbidden, TotpRequired, TooManyAttempts),
)
async def reauthenticate(request: web.Request) -> web.StreamResponse:
    """Confirm your password in this session.

    Changes of roles, API keys and TOTP need a password that was given within REAUTHENTICATION_MINUTES, by the login or
    by this. A wrong one counts as a failed login.
    """
    caller = request[CALLER]
    if not isinstance(caller, SessionIdentity):  # no scope lets an API key in
        raise Forbidden
    await reauthentication.reauthenticate(
        request.app[ACCOUNTS],
        user=caller.user,
        session_id=caller.session_id,
        address=client_address(request),
        **request[BODY],
    )
    return web.Response(status=204)


@routes.add("GET", "/auth/totp", output=TotpOutput())
async def get_totp(request: web.Request) -> web.StreamResponse:
    """Whether your logins need a code of an authenticator app."""
    found = await service.find(request.app[ACCOUNTS].database, user_id=request[CALLER].user_id)
    return json_response(totp_members(found))


def totp_members(found: Totp | None) -> dict[str, object]:
    """The members of TotpOutput for what is stored of an account; a secret that is not confirmed counts as none."""
    since = None if found is None else found.confirmed_at
    left = 0 if found is None or since is None else found.recovery_codes_left
    return {"enrolled": since is not None, "confirmed_at": since, "recovery_codes_left": left}


@routes.add("POST", "/auth/totp", output=EnrolmentOutput(), raises=(Forbidden, ReauthenticationRequired, TotpEnrolled))
async def begin_totp(request: web.Request) -> web.StreamResponse:
    """Begin to enrol an authenticator app: make a secret for it.

    Logins need a code once it is confirmed with POST /auth/totp/confirm. Until then, another call makes another secret.
    """
    user = request[CALLER].user
    if user.role == "guest":
        raise Forbidden("A guest has no login.")
    await require_recent_password(request)
    enrolment = await service.begin(request.app[ACCOUNTS].database, user=user, issuer=request.app[SETTINGS].site_name)
    record_event(request, "totp_begun")
    return json_response(enrolment)


@routes.add(
    "POST",
    "/auth/totp/confirm",
    body=CodeInput(),
    output=ConfirmedTotpOutput(),
    raises=(InvalidCredentials, NotFound, ReauthenticationRequired, TooManyAttempts, TotpEnrolled),
)
async def confirm_totp(request: web.Request) -> web.StreamResponse:
    """Confirm the secret with a code of the authenticator app; logins need a code from then on.

    Only this response contains the recovery codes.
    """
    await require_recent_password(request)
    codes = await service.confirm(
        request.app[ACCOUNTS].database,
        user_id=request[CALLER].user_id,
        code=request[BODY]["code"],
        address=client_address(request),
    )
    record_event(request, "totp_confirmed")
    return json_response({"recovery_codes": codes})


@routes.add(
    "DELETE",
    "/auth/totp",
    body=RemovalInput(),
    status=204,
    raises=(InvalidCredentials, ReauthenticationRequired, TooManyAttempts),
)
async def remove_totp(request: web.Request) -> web.StreamResponse:
    """Let your logins need no code any more.

    A wrong code counts as a failed login. Without a second factor, this changes nothing.
    """
    user = request[CALLER].user
    await require_recent_password(request)
    await reauthentication.remove_second_factor(
        request.app[ACCOUNTS], user=user, code=request[BODY]["code"], address=client_address(request)
    )
    record_event(request, "totp_removed")
    return web.Response(status=204)
