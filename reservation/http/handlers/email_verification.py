"""Confirm an e-mail address by a mailed token."""

from aiohttp import web

from ...errors import Forbidden, InvalidToken, TooManyAttempts
from ...identity import email_verification as service
from ...runtime.fields import Input, VerbatimText
from ..app_keys import ACCOUNTS, BODY, CALLER
from ..input.client_address import client_address
from ..routes import Access, Routes
from .passwords import MAX_TOKEN_CHARS

routes = Routes("Accounts")


class VerificationInput(Input):
    """A mailed token."""

    token = VerbatimText(MAX_TOKEN_CHARS, required=True)


@routes.add(
    "POST",
    "/auth/email/verify",
    access=Access.SIGNED_IN,
    body=VerificationInput(),
    status=204,
    raises=(InvalidToken,),
)
async def verify_email(request: web.Request) -> web.StreamResponse:
    """Confirm the e-mail address of your account with a mailed token.

    Reservations that guests, also those of the box office, have made with the address belong to the account from then
    on, but for live holds. A token that is unknown, used, expired or of another account is 401 `invalid_token`.
    """
    await service.verify_email(request.app[ACCOUNTS], user_id=request[CALLER].user_id, **request[BODY])
    return web.Response(status=204)


@routes.add(
    "POST", "/auth/email/verify/resend", access=Access.SIGNED_IN, status=202, raises=(Forbidden, TooManyAttempts)
)
async def resend_verification(request: web.Request) -> web.StreamResponse:
    """Mail another token that confirms your e-mail address.

    The token can be used once, within three days. If the address is confirmed already, no mail is sent. You can ask
    five times an hour. A guest has no account: 403.
    """
    await service.send_again(request.app[ACCOUNTS], user=request[CALLER].user, address=client_address(request))
    return web.Response(status=202)
