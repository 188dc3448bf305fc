"""The page of a defect: it helps on, names the request, and tells nothing of what happened inside.

The defect is a real one, in a function of the database that folds titles.
"""

import pytest

from tests.api import Api, Connection
from tests.web.visitor import Page, Visitor, visitor_of

MESSAGE = "Something went wrong on our side. Your reservations are safe."
# What an exception or a statement would bring with it.
INNER = ("Traceback", 'File "', "asyncpg", "Division", "zero", "fold_text", "select", "reservation/")
DEFECTIVE = """create or replace function fold_text(value text) returns text language sql immutable strict
return (1 / (char_length(value) - char_length(value)))::text"""


@pytest.fixture
async def admin(api: Api, db: Connection) -> Visitor:
    """An administrator's browser on a service that fails wherever it looks for a title or saves one."""
    await api.movie()
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.admin())
    await visitor.open("/manage/films/new")
    await db.execute(DEFECTIVE)
    return visitor


def check(page: Page, message: str) -> None:
    """It is a page of status 500 that names the request, leads on, and has nothing of the inside."""
    assert (page.status, page.heading) == (500, message)
    assert page.headers["X-Request-ID"] in page.text
    assert [word for word in INNER if word in page.html] == []
    assert "/" in page.links
    assert "refresh" not in page.html  # it would fail again


async def test_a_defect_is_a_page_that_names_the_request_and_the_person_stays_signed_in(admin: Visitor) -> None:
    check(await admin.open("/manage/films?q=a"), MESSAGE)
    assert "Sign out" in admin.page.html
    assert (await admin.open("/manage/films")).status == 200


async def test_a_form_that_meets_a_defect_is_answered_by_the_same_page(admin: Visitor) -> None:
    check(await admin.submit("/manage/films/new", title="A", duration_minutes="90"), MESSAGE)


async def test_a_defect_is_told_in_the_language_of_the_person(admin: Visitor) -> None:
    admin.headers["Accept-Language"] = "de"
    page = await admin.open("/manage/films?q=a")
    check(page, "Bei uns ist etwas schiefgegangen. Ihre Reservierungen sind sicher.")
    assert 'lang="de"' in page.html


async def test_a_program_gets_the_same_defect_as_a_problem_document(api: Api, admin: Visitor) -> None:
    assert admin.page.status == 200
    answer = await api.call("GET", "/movies?q=a", headers={"Accept": "text/html"})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert [word for word in INNER if word in answer.text] == []
