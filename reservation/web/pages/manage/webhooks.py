"""Webhooks: the list, the form, the secret, which is shown once, and a test."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ....errors import DomainError
from ....http.output.problems import STATUS_AND_CODE
from ....http.routes import Access
from ....outbox.event_types import EVENT_TYPES
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import home_timezone
from ...forms import refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM
from .managed_things import ManagedThing, Thing

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/webhooks"
ONE = LIST + r"/{webhook_id:\d+}"
MOST = 100


@pages.get(LIST)
async def list_webhooks(request: web.Request) -> web.StreamResponse:
    """All webhooks."""
    found = await ApiClient(request).every("/admin/webhooks", most=MOST)
    return render(request, "manage/webhooks.html", webhooks=found)


@pages.post(f"{ONE}/secret")
async def replace_secret(request: web.Request) -> web.StreamResponse:
    """Make a new secret, and show it; it cannot be shown again."""
    changed = await ApiClient(request).post(f"/admin/webhooks/{request.match_info['webhook_id']}/secret")
    return render(request, "manage/webhook_secret.html", webhook=changed, is_new=False)


@pages.post(f"{ONE}/test")
async def send_test(request: web.Request) -> web.StreamResponse:
    """Send a test, and show the deliveries."""
    webhook_id = request.match_info["webhook_id"]
    await ApiClient(request).post(f"/admin/webhooks/{webhook_id}/test")
    return see_other(f"{LIST}/{webhook_id}/deliveries?done=sent")


def webhook_body(request: web.Request) -> dict[str, Any]:
    """The API's body of a webhook."""
    return {
        "url": text_of(request, "url"),
        "events": request[FORM].getall("events", []),
        "active": "active" in request[FORM],
    }


def webhook_fields(_request: web.Request, webhook: Thing) -> dict[str, Any]:
    """The form's values of a webhook; the template knows which events are ticked."""
    return {"url": webhook["url"], "active": "on" if webhook["active"] else None}


async def events_and_zone(request: web.Request) -> Mapping[str, Any]:
    """The types of events, those that were ticked (None: the form was not sent), and the time zone of times."""
    ticked = request[FORM].getall("events", []) if "url" in request.get(FORM, {}) else None
    zone = await home_timezone(ApiClient(request))
    return {"types": EVENT_TYPES, "ticked": ticked, "timezone": zone}


class ManagedWebhook(ManagedThing):
    """The pages of a webhook; after its creation its secret is shown, in place of the list."""

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Create it and show its secret, or show what is wrong."""
        try:
            made = await ApiClient(request).post(self.api, self.body(request))
        except DomainError as error:
            state = refused_form(request, error)
            if "events" not in request[FORM] and state.error:
                state.errors["events"], state.error = state.error.removeprefix("events: "), None
            return await self._form(request, state, status=STATUS_AND_CODE[type(error)][0])
        return render(request, "manage/webhook_secret.html", status=201, webhook=made, is_new=True)


ManagedWebhook(
    api="/admin/webhooks",
    path=LIST,
    template="manage/webhook.html",
    body=webhook_body,
    fields=webhook_fields,
    new={"url": None, "active": "on"},
    listed_at=LIST,
    context=events_and_zone,
).add_to(pages)
