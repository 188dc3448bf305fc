"""Tables of pages: the path, who may open it, and the handler."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from ..http.routes import Access, Handler
from ..runtime.lanes import Lane


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one path."""

    method: str
    path: str  # in aiohttp's form: {name}
    access: Access
    handler: Handler
    lane: Lane


class PageTable:
    """The pages of one module; `get` and `post` decorate their handlers.

    They have the table's access and lane if they give none. Without these, a page that is read costs as much as a list,
    and a form is a write of booking.
    """

    def __init__(self, access: Access = Access.PUBLIC, *, lane: Lane | None = None) -> None:
        self.access = access
        self.lane = lane
        self.pages: list[Page] = []

    def get(self, path: str, *, access: Access | None = None, lane: Lane | None = None) -> Callable[[Handler], Handler]:
        """A page that is read; its handler must not change anything."""
        return self._add("GET", path, access, lane, Lane.LIST)

    def post(
        self, path: str, *, access: Access | None = None, lane: Lane | None = None
    ) -> Callable[[Handler], Handler]:
        """A form that is sent; its handler finds the fields in request[FORM] and mostly answers with `see_other`."""
        return self._add("POST", path, access, lane, Lane.HOLD)

    def _add(
        self, method: str, path: str, access: Access | None, lane: Lane | None, usual: Lane
    ) -> Callable[[Handler], Handler]:
        lanes = [each for each in (lane, self.lane, usual) if each is not None]

        def register(handler: Handler) -> Handler:
            self.pages.append(Page(method, path, access or self.access, handler, lanes[0]))
            return handler

        return register


def see_other(path: str) -> web.Response:
    """A redirect after a form (303), so that reloading the next page does not send the form again."""
    return web.Response(status=303, headers={"Location": path})
