"""Pay for a hold: the way to the payment provider's page, and back from there."""

from urllib.parse import quote, urlencode

from aiohttp import web

from ...errors import DomainError
from ...http.routes import Access
from ...runtime.lanes import Lane
from ..api_client import ApiClient
from ..page_table import PageTable, see_other
from ..rendering import render
from ..request_keys import USER
from .reservation_changes import refused_page
from .reservations import PATH, own_reservation

pages = PageTable(Access.SIGNED_IN)


@pages.post(PATH + "/pay", lane=Lane.CONFIRM)
async def pay(request: web.Request) -> web.StreamResponse:
    """Open a payment, or find the open one, and lead to the provider's page.

    By Refresh in place of a redirect: browsers apply the policy's form-action, which is this site alone, to redirects
    of a form, and the provider's page can be at a domain of the operator's.
    """
    before = await own_reservation(request)
    try:
        opened = await ApiClient(request).post(f"/reservations/{before['id']}/pay")
    except DomainError as error:
        return await refused_page(request, error, before)
    if opened["checkout_url"] is None:
        return see_other(f"/my/reservations/{before['id']}/payment")
    held = await own_reservation(request)  # for longer than before
    response = render(request, "payment.html", reservation=held, payment=opened, is_waiting=False)
    response.headers["Refresh"] = f"0; url={opened['checkout_url']}"
    return response


@pages.get(PATH + "/payment", access=Access.PUBLIC)
async def payment(request: web.Request) -> web.StreamResponse:
    """The open payment of a hold; with `paid` or `not_paid`, where the provider sends the customer afterwards.

    The customer may come back in a browser without the session: the site was opened at another address than PUBLIC_URL.
    """
    if request[USER] is None:
        return _without_session(request)
    found = await own_reservation(request)
    address = f"/my/reservations/{found['id']}"
    if found["status"] != "held":
        return see_other(f"{address}?done=paid")
    if "not_paid" in request.query:
        return see_other(address)
    items = (await ApiClient(request).get(f"/reservations/{found['id']}/payments"))["items"]
    if not items or items[-1]["status"] not in ("pending", "succeeded"):
        return see_other(address)
    return render(
        request,
        "payment.html",
        reservation=found,
        payment=items[-1],
        is_waiting="paid" in request.query or items[-1]["checkout_url"] is None,
    )


def _without_session(request: web.Request) -> web.StreamResponse:
    """What a visitor who is not signed in sees who comes from the provider; nothing of the reservation."""
    address = f"/my/reservations/{request.match_info['reservation_id']}"
    if not {"paid", "not_paid"} & request.query.keys():
        return see_other(f"/sign-in?{urlencode({'next': f'{address}/payment'}, quote_via=quote)}")
    return render(request, "payment_returned.html", is_paid="paid" in request.query, next=address)
