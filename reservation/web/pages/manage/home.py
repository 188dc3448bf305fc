"""The administration's first page: its areas."""

from aiohttp import web

from ....http.routes import Access
from ....runtime.lanes import Lane
from ...page_table import PageTable
from ...rendering import render

pages = PageTable(Access.ADMIN, lane=Lane.LIST)


@pages.get("/manage")
async def manage_home(request: web.Request) -> web.StreamResponse:
    """What can be administered, and where."""
    return render(request, "manage/home.html")
