"""Pay for a hold: the way to the payment provider's page, and back from there."""

from aiohttp import web

from ...errors import DomainError
from ...http.routes import Access
from ..api_client import ApiClient
from ..page_table import PageTable, see_other
from ..rendering import render
from .reservation_changes import refused_page
from .reservations import PATH, own_reservation

pages = PageTable(Access.SIGNED_IN)


@pages.post(PATH + "/pay")
async def pay(request: web.Request) -> web.StreamResponse:
    """Open a payment, or find the open one."""
    before = await own_reservation(request)
    try:
        await ApiClient(request).post(f"/reservations/{before['id']}/pay")
    except DomainError as error:
        return await refused_page(request, error, before)
    return see_other(f"/my/reservations/{before['id']}/payment")


@pages.get(PATH + "/payment")
async def payment(request: web.Request) -> web.StreamResponse:
    """The open payment of a hold; with `paid`, the wait for it: the provider sends the customer here afterwards."""
    found = await own_reservation(request)
    address = f"/my/reservations/{found['id']}"
    if found["status"] != "held":
        return see_other(f"{address}?done=paid")
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
