"""Deliveries: those of a webhook, and dead letters; each can be sent again."""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from ....errors import Invalid, WebhookInactive
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import home_timezone
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from .webhooks import ONE

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

DEAD = "/manage/dead-letters"
A_PAGE = 50
CONFLICT = 409


@pages.get(f"{ONE}/deliveries")
async def list_deliveries(request: web.Request) -> web.StreamResponse:
    """The deliveries of a webhook, newest first."""
    return await _deliveries_page(request, FormState())


@pages.post(f"{ONE}/deliveries" + r"/{delivery_id:\d+}/retry")
async def retry_delivery(request: web.Request) -> web.StreamResponse:
    """Send one again."""
    webhook_id, delivery_id = request.match_info["webhook_id"], request.match_info["delivery_id"]
    try:
        sent = await ApiClient(request).post(f"/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/retry")
    except WebhookInactive as error:
        return await _deliveries_page(request, refused_form(request, error), status=CONFLICT)
    return see_other(f"/manage/webhooks/{webhook_id}/deliveries?done={_outcome(sent)}")


@pages.get(DEAD)
async def list_dead_letters(request: web.Request) -> web.StreamResponse:
    """What was given up, newest first."""
    return await _dead_letters_page(request, FormState())


@pages.post(DEAD + r"/{delivery_id:\d+}/retry")
async def retry_dead_letter(request: web.Request) -> web.StreamResponse:
    """Send one again."""
    try:
        sent = await ApiClient(request).post(f"/admin/dead-letters/{request.match_info['delivery_id']}/retry")
    except WebhookInactive as error:
        return await _dead_letters_page(request, refused_form(request, error), status=CONFLICT)
    return see_other(f"{DEAD}?done={_outcome(sent)}")


def _outcome(sent: Any) -> str:
    """What the next page tells of a delivery that was to be sent again."""
    if sent["status"] != "pending":
        return "delivered"
    return "sent" if sent["waits_for"] is None else "waits"


async def _deliveries_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api, webhook_id = ApiClient(request), request.match_info["webhook_id"]
    webhook = await api.get(f"/admin/webhooks/{webhook_id}")
    path = f"/manage/webhooks/{webhook_id}/deliveries"
    return await _page(
        request,
        "manage/deliveries.html",
        f"/admin/webhooks/{webhook_id}/deliveries",
        "status",
        path=path,
        form=form,
        status=status,
        webhook=webhook,
    )


async def _dead_letters_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    return await _page(
        request, "manage/dead_letters.html", "/admin/dead-letters", "channel", path=DEAD, form=form, status=status
    )


async def _page(
    request: web.Request,
    template: str,
    list_path: str,
    filter_name: str,
    *,
    path: str,
    form: FormState,
    status: int,
    webhook: object = None,
) -> web.StreamResponse:
    """A page of a list of deliveries, with one filter."""
    api, cursor, chosen = ApiClient(request), request.query.get("cursor"), request.query.get(filter_name, "")
    try:
        found = await api.get(list_path, cursor=cursor, limit=A_PAGE, **{filter_name: chosen})
    except Invalid:  # a filter that nothing can match
        found = {"items": [], "next_cursor": None}
    return render(
        request,
        template,
        status=status,
        deliveries=found["items"],
        webhook=webhook,
        form=form,
        chosen=chosen,
        action=path,
        base=f"{path}?{urlencode({filter_name: chosen})}&",
        timezone=await home_timezone(api),
        cursor=cursor,
        next_cursor=found["next_cursor"],
    )
