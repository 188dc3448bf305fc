"""In which lane of the load shedding each page is."""

from reservation.runtime.lanes import Lane
from reservation.web.pages import TABLES, account, door, manage
from reservation.web.pages.booking import BOOK
from reservation.web.site import PageEndpoint

BOOKING = "/my/reservations/{reservation_id:[0-9a-fA-F-]{36}}"
COMPLETING = {
    f"{BOOKING}/confirm",
    f"{BOOKING}/pay",
    door.SHOWTIME,
    f"{door.SHOWTIME}/scans",
    "/box-office/holds/{reservation_id:[0-9a-fA-F-]{36}}/confirm",
    "/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/confirm",
    "/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/paid",
}
MAPS = {("GET", BOOK), ("GET", BOOK + "/tickets")}
LANES = {(page.method, page.path): PageEndpoint(page).lane for table in TABLES for page in table.pages}


def test_forms_that_complete_a_sale_or_a_check_in_are_refused_last() -> None:
    assert {path for (method, path), lane in LANES.items() if lane is Lane.CONFIRM and method == "POST"} == COMPLETING
    assert Lane.CONFIRM not in {lane for (method, _), lane in LANES.items() if method == "GET"}


def test_account_pages_are_in_the_lane_of_accounts() -> None:
    """The forms as well as the pages that they are on."""
    pages = {(page.method, page.path) for table in account.TABLES for page in table.pages}
    assert {("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/my/account/authenticator-app/confirm")} <= pages
    assert {each for each, lane in LANES.items() if lane is Lane.ACCOUNT} == pages


def test_administration_is_in_the_lane_of_lists_and_its_reports_in_that_of_reports() -> None:
    for table in manage.TABLES:
        for page in table.pages:
            is_report = page.path.startswith("/manage/reports")
            assert LANES[page.method, page.path] is (Lane.REPORT if is_report else Lane.LIST), page.path


def test_pages_with_a_seat_map_are_in_the_lane_of_maps() -> None:
    assert {each for each, lane in LANES.items() if lane is Lane.MAP} == MAPS


def test_other_pages_are_lists_and_other_forms_are_bookings() -> None:
    others = {page for table in (*account.TABLES, *manage.TABLES) for page in table.pages}
    for table in TABLES:
        for page in set(table.pages) - others:
            if (page.method, page.path) not in MAPS and (page.method == "GET" or page.path not in COMPLETING):
                assert LANES[page.method, page.path] is (Lane.LIST if page.method == "GET" else Lane.HOLD), page.path
