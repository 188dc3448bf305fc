"""What the service keeps about a person: the erasure."""

from contextlib import suppress

from aiohttp import web

from ...booking.release_holds import release_holds
from ...errors import InvalidCredentials, LastAdmin, TooManyAttempts, Unavailable
from ...identity import erasure as service
from ...runtime.fields import Input, VerbatimText
from ..app_keys import ACCOUNTS, BODY, BOOKING_CONTEXT, CALLER
from ..input.client_address import client_address
from ..routes import Access, Routes
from ..security_events import record_event

routes = Routes("Accounts", Access.SIGNED_IN)


class ErasureInput(Input):
    """The password of the account."""

    password = VerbatimText(1024, required=True, metadata={"format": "password"})


@routes.add(
    "DELETE",
    "/auth/me",
    body=ErasureInput(),
    status=204,
    raises=(InvalidCredentials, LastAdmin, TooManyAttempts),
)
async def erase_me(request: web.Request) -> web.StreamResponse:
    """Erase your account, for ever, and all that tells who you are; guests with your e-mail address, too.

    Sessions and API keys end at once, and holds are released. Confirmed reservations stay, without your name: cancel
    those that you do not want first. The address can sign up again, and gets a new account. The last administrator
    cannot be erased.
    """
    user_ids = await service.erase(
        request.app[ACCOUNTS],
        user_id=request[CALLER].user_id,
        password=request[BODY]["password"],
        address=client_address(request),
    )
    record_event(request, "account_erased")
    with suppress(Unavailable):  # the person is erased, so the request cannot be repeated: what is left expires
        await release_holds(request.app[BOOKING_CONTEXT], user_ids=user_ids)
    return web.Response(status=204)
