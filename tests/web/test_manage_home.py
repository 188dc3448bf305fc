"""The administration's frame: who may open it, and where it leads."""

import pytest

from tests.api import Api
from tests.web.visitor import Visitor, visitor_of


async def manager_of(api: Api) -> Visitor:
    """A browser in which the administrator has signed in."""
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.admin())
    return visitor


async def test_an_administrator_finds_every_area_on_the_first_page(api: Api) -> None:
    visitor = await manager_of(api)
    page = await visitor.open("/manage")
    assert page.status == 200
    for area in ("films", "cinemas", "showtimes", "ticket-types", "occupancy", "users", "api-keys", "change-log"):
        assert page.links.count(f"/manage/{area}") == 2, area  # in the navigation, and as a card
    assert "/box-office" in page.links


@pytest.mark.parametrize("role", ["user", "staff"])
async def test_nobody_but_an_administrator_may_open_it(api: Api, role: str) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.staff(role))
    assert (await visitor.open("/manage")).status == 403


async def test_a_visitor_signs_in_first_and_goes_on_there(api: Api) -> None:
    visitor = await visitor_of(api)
    assert (await visitor.open("/manage")).heading == "Sign in"
    admin = await api.admin()
    page = await visitor.submit("/sign-in", email=admin.email, password="correct horse battery")
    assert page.heading == "Administration"
