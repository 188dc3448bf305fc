"""Reports through the API: who may read them, what they are asked for, days of time zones, CSV, limits."""

import asyncio
import csv
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from reservation.commands.main import commands
from reservation.db.repository import reports as repository
from reservation.db.repository.box_office import id_at
from reservation.db.repository.reports import Days
from reservation.dba.explain import Mode, explain_text
from reservation.dba.statement_headers import load
from reservation.http.app_keys import REPORTS
from reservation.reports import reports
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import SECRET, StartApi
from tests.ports import free_port

PATHS = ("/reports/sales", "/reports/occupancy", "/reports/showtimes/{showtime_id}")


async def read(api: Api, path: str, **rest: Any) -> Answer:
    """A report, as the administrator reads it."""
    answer = await api.call("GET", path, who=await api.admin(), **rest)
    assert answer.status == 200, answer.text
    return answer


async def sold(api: Api, who: Person, cinema: Cinema, seats: int) -> str:
    """Sell the first free seats of a showtime; gives the reservation's id."""
    free = [seat for seat, status in (await api.statuses(cinema.showtime_id)).items() if status == "available"]
    held = await api.hold(who, cinema.showtime_id, free[:seats])
    confirmed = await api.confirm(who, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    return str(confirmed.json["id"])


def days_around() -> str:
    """Three days about now, whatever the time zone."""
    today = datetime.now(UTC).date()
    return f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"


@pytest.mark.parametrize("path", PATHS)
async def test_administrators_and_their_api_keys_with_scope_reports_may_read_them(api: Api, path: str) -> None:
    cinema, admin, staff = await api.cinema(), await api.admin(), await api.staff()
    path = path.format(showtime_id=cinema.showtime_id)
    statuses = {}
    for user, scope in ((admin, "reports"), (admin, "catalogue"), (admin, "booking"), (staff, "reports")):
        key = await api.make("/admin/api-keys", {"name": "K", "user_id": user.id, "scopes": [scope]})
        answer = await api.call("GET", path, headers={"Authorization": f"Bearer {key['key']}"})
        statuses[user.id, scope] = answer.status
    assert statuses == {
        (admin.id, "reports"): 200,
        (admin.id, "catalogue"): 403,
        (admin.id, "booking"): 403,
        (staff.id, "reports"): 403,
    }
    assert (await api.call("GET", path, who=staff)).code == "forbidden"
    assert (await api.call("GET", path)).code == "not_authenticated"


async def test_a_sale_and_what_is_given_back_of_it_are_told_apart(api: Api) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = await sold(api, who, cinema, 3)
    path = f"/reports/sales?{days_around()}"
    figures = {"seats": 3, "revenue": "30.00", "refunded_seats": 0, "refunds": "0.00", "net": "30.00"}
    assert (await read(api, path)).json["total"] == figures

    seat = (await api.call("GET", f"/reservations/{reservation_id}", who=who)).json["seats"][0]["seat_id"]
    await api.call("POST", f"/reservations/{reservation_id}/cancel", {"seat_ids": [seat]}, who=who)
    figures |= {"refunded_seats": 1, "refunds": "10.00", "net": "20.00"}
    assert (await read(api, path)).json["total"] == figures

    await api.cancel(who, reservation_id)
    figures |= {"refunded_seats": 3, "refunds": "30.00", "net": "0.00"}
    assert (await read(api, path)).json["total"] == figures


async def test_three_changes_of_one_reservation_count_each_with_what_it_changed(api: Api) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = await sold(api, who, cinema, 4)
    for seats in (cinema.seat_ids[3:8], cinema.seat_ids[4:6], cinema.seat_ids[5:9]):
        body = {"seat_ids": seats}
        changed = await api.call("POST", f"/reservations/{reservation_id}/exchange", body, who=who)
        assert changed.status == 200, changed.text
    expected = {"seats": 11, "revenue": "110.00", "refunded_seats": 7, "refunds": "70.00", "net": "40.00"}
    assert (await read(api, f"/reports/sales?{days_around()}")).json["total"] == expected
    assert (await read(api, f"/reports/showtimes/{cinema.showtime_id}")).json["total"] == expected


async def test_days_are_those_of_each_cinema(api: Api) -> None:
    """In these two time zones it is never the same day."""
    who, days = await api.sign_up(), {}
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        house = await api.make("/admin/cinemas", {"name": zone, "timezone": zone})
        room, seat_ids = await api.auditorium(cinema_id=house["id"])
        movie_id = await api.movie()
        await sold(api, who, Cinema(movie_id, room, await api.showtime(movie_id, room), seat_ids), 1)
        report = await read(api, f"/reports/sales?{days_around()}&cinema_id={house['id']}")
        (item,) = [item for item in report.json["items"] if item["seats"]]
        kept = (await api.call("GET", "/reservations?limit=1", who=who)).json["items"][0]
        local = datetime.fromisoformat(kept["confirmed_at"]).astimezone(ZoneInfo(zone)).date()
        assert item["day"] == str(local)
        days[house["id"]] = local
    for house_id, day in days.items():
        report = await read(api, f"/reports/sales?from={day}&to={day}&by=cinema")
        assert [item["cinema_id"] for item in report.json["items"]] == [house_id]


@pytest.mark.parametrize("path", PATHS[:2])
async def test_days_without_sales_or_showtimes_are_rows_with_zeros_in_json_and_csv(api: Api, path: str) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, 2)
    today = datetime.now(UTC).date()
    days = [str(today + timedelta(days=number)) for number in range(-3, 4)]
    query = f"{path}?from={days[0]}&to={days[-1]}&by=day"
    report = (await read(api, query)).json
    assert [item["day"] for item in report["items"]] == days
    figure = "seats" if "sales" in path else "showtimes"
    empty = [item for item in report["items"] if not item[figure]]
    assert len(empty) == len(days) - 1
    none = (
        {"seats": 0, "revenue": "0.00", "refunded_seats": 0, "refunds": "0.00", "net": "0.00"}
        if "sales" in path
        else {"showtimes": 0, "capacity": 0, "blocked": 0, "sold": 0, "held": 0, "no_shows": None}
    )
    assert all(item == none | {"day": item["day"]} for item in empty)
    rows = [*csv.reader(StringIO((await read(api, query, headers={"Accept": "text/csv"})).text))]
    assert [row[0] for row in rows[1:]] == days


@pytest.mark.parametrize("minutes", [-1, 1])
async def test_an_hour_that_comes_twice_belongs_to_its_day(api: Api, db: Connection, minutes: int) -> None:
    """In the Azores 00:30 came twice on 2025-10-26, and both are of that day; a minute before midnight is not."""
    house = await api.make("/admin/cinemas", {"name": "A", "timezone": "Atlantic/Azores"})
    room, seat_ids = await api.auditorium(cinema_id=house["id"])
    movie_id, who = await api.movie(), await api.sign_up()
    reservation_id = await sold(api, who, Cinema(movie_id, room, await api.showtime(movie_id, room), seat_ids), 1)
    at = datetime(2025, 10, 26, tzinfo=UTC) + timedelta(minutes=minutes)  # midnight of summer time, UTC+0
    await db.execute("update reservations set confirmed_at = $1 where id = $2", at, reservation_id)
    await db.execute("update reservations set id = $1 where id = $2", id_at(at), reservation_id)

    report = await read(api, "/reports/sales?from=2025-10-26&to=2025-10-26")

    assert report.json["total"]["seats"] == (1 if minutes > 0 else 0)


async def test_a_sale_is_found_however_old_its_hold_was(api: Api, db: Connection) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = await sold(api, who, cinema, 2)
    made = datetime.now(UTC) - repository.LONGEST_HOLD
    await db.execute("update reservations set id = $1 where id = $2", UUID(int=id_at(made).int + 1), reservation_id)
    today = datetime.now(UTC).date()
    assert (await read(api, f"/reports/sales?from={today}&to={today}")).json["total"]["seats"] == 2


async def test_occupancy_counts_what_is_sold_held_and_blocked(api: Api) -> None:
    cinema, who = await api.cinema(rows=2, seats_per_row=10), await api.sign_up()
    await sold(api, who, cinema, 3)
    await api.hold(who, cinema.showtime_id, cinema.seat_ids[10:12])
    blocked = {"seat_ids": cinema.seat_ids[-1:], "reason": "R"}
    await api.call("POST", f"/admin/showtimes/{cinema.showtime_id}/blocks", blocked, who=await api.admin())
    figures = {"showtimes": 1, "capacity": 20, "blocked": 1, "sold": 3, "held": 2, "no_shows": None}
    for by in ("day", "cinema", "movie", "showtime"):
        report = (await read(api, f"/reports/occupancy?by={by}")).json
        assert report["total"] == figures
        (item,) = [item for item in report["items"] if item["showtimes"]]
        assert {name: item[name] for name in figures} == figures
    shown = (await read(api, f"/reports/showtimes/{cinema.showtime_id}")).json
    assert (shown["sold"], shown["held"], shown["blocked"], shown["capacity"]) == (3, 2, 1, 20)
    assert (shown["movie_title"], shown["items"][0]["channel"]) == ("A Film", "account")


async def test_who_was_not_checked_in_when_it_has_started_is_a_no_show(api: Api, db: Connection) -> None:
    cinema, who, staff = await api.cinema(), await api.sign_up(), await api.staff()
    reservation_id = await sold(api, who, cinema, 3)
    ticket = (await api.call("GET", f"/reservations/{reservation_id}/tickets", who=who)).json["tickets"][0]
    checked = await api.call("POST", "/check-ins", {"code": ticket["code"]}, who=staff)
    assert checked.status == 200, checked.text
    path = f"/reports/showtimes/{cinema.showtime_id}"
    assert (await read(api, path)).json["no_shows"] is None
    await db.execute("update showtimes set starts_at = now() - interval '1 minute' where id = $1", cinema.showtime_id)
    assert (await read(api, path)).json["no_shows"] == 2
    day = (await db.fetchval("select starts_at from showtimes where id = $1", cinema.showtime_id)).date()
    report = (await read(api, f"/reports/occupancy?from={day}&to={day}&by=movie")).json
    assert (report["items"][0]["no_shows"], report["total"]["no_shows"]) == (2, 2)


async def test_csv_has_the_items_and_no_cell_is_a_formula(api: Api) -> None:
    movie_id = await api.movie(title='=1+1, "two"')
    room, seat_ids = await api.auditorium()
    cinema = Cinema(movie_id, room, await api.showtime(movie_id, room), seat_ids)
    reservation_id = await sold(api, who := await api.sign_up(), cinema, 2)
    await api.cancel(who, reservation_id)
    answer = await read(api, f"/reports/sales?{days_around()}&by=movie", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="sales-')
    assert "Accept" in answer.headers["Vary"]
    assert answer.text == (
        "movie_id,movie_title,seats,revenue,refunded_seats,refunds,net\r\n"
        f'{movie_id},"\'=1+1, ""two""",2,20.00,2,20.00,0.00\r\n'
    )
    for path in ("/reports/occupancy?by=showtime", f"/reports/showtimes/{cinema.showtime_id}"):
        whole = (await read(api, path)).json
        rows = [*csv.reader(StringIO((await read(api, path, headers={"Accept": "text/csv"})).text))]
        assert len(rows) == 1 + len(whole["items"])
        assert {*rows[0]} == {*whole["items"][0]}


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        ("text/csv", True),
        ("text/csv, application/json;q=0.5", True),
        ("text/csv;q=0.4, application/json", False),
        ("text/csv;q=0", False),
        ("*/*", False),
        ("text/html, */*;q=0.8", False),
        ("text/*", True),
        ("text/csv;q=x", False),
    ],
)
async def test_the_client_chooses_the_form(shared_api: Api, accept: str, is_csv: bool) -> None:
    answer = await read(shared_api, "/reports/sales", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/csv" if is_csv else "application/json")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=2026-02-01&to=2026-01-31", "/to"),
        ("from=2025-01-01&to=2026-01-02", "/to"),
        ("from=2026-02-30", "/from"),
        ("from=2026-02-01T00:00:00Z", "/from"),
        ("by=seat", "/by"),
        ("cinema_id=0", "/cinema_id"),
        ("since=2026-02-01", "/since"),
    ],
)
@pytest.mark.parametrize("path", PATHS[:2])
async def test_what_cannot_be_asked_for_is_refused(shared_api: Api, path: str, query: str, pointer: str) -> None:
    answer = await shared_api.call("GET", f"{path}?{query}", who=await shared_api.admin())
    assert (answer.status, answer.code) == (422, "validation_error")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


async def test_without_days_sales_are_of_the_last_30_and_occupancy_of_the_next_7(api: Api) -> None:
    today = datetime.now(UTC).date()
    sales, occupancy = (await read(api, "/reports/sales")).json, (await read(api, "/reports/occupancy")).json
    assert (sales["from"], sales["to"]) == (str(today - timedelta(days=29)), str(today))
    assert (occupancy["from"], occupancy["to"]) == (str(today), str(today + timedelta(days=6)))
    given = (await read(api, "/reports/sales?from=2026-02-01")).json
    assert (given["from"], given["to"]) == ("2026-02-01", "2026-03-02")


async def test_an_unknown_showtime_is_not_found(api: Api) -> None:
    for showtime_id in (2**62, 0):
        answer = await api.call("GET", f"/reports/showtimes/{showtime_id}", who=await api.admin())
        assert answer.code == "not_found"


async def test_too_many_rows_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_ROWS", 1)
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, 1)
    assert (await read(api, f"/reports/sales?{days_around()}&by=showtime")).json["total"]["seats"] == 1
    await sold(api, who, await api.cinema(), 1)
    answer = await api.call("GET", f"/reports/sales?{days_around()}&by=showtime", who=await api.admin())
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/by")


async def test_a_report_that_takes_too_long_is_ended_and_sales_go_on(api: Api, db: Connection) -> None:
    """Every connection of the reports waits for a lock, and a hold does not wait for one of them."""
    cinema, who, admin = await api.cinema(), await api.sign_up(), await api.admin()
    server: Any = api.client.server
    server.app[REPORTS]._timeout_s = 0.3
    async with db.transaction():
        await db.execute("lock table api_keys in access exclusive mode")
        paths = ["/reports/sales?by=channel"] * 2
        slow = [asyncio.create_task(api.call("GET", path, who=admin)) for path in paths]
        await sold(api, who, cinema, 1)
        for answer in await asyncio.gather(*slow):
            assert (answer.status, answer.code) == (503, "report_too_slow")


async def test_reports_are_read_from_the_primary_where_no_replica_answers(start_api: StartApi) -> None:
    """That a standby is read is in tests/ha/test_read_replicas.py."""
    api = await start_api(DATABASE_READ_URL=f"postgresql://reader@127.0.0.1:{free_port()}/reservation")
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, 1)
    answer = await api.call("GET", f"/reports/showtimes/{cinema.showtime_id}", who=await api.admin())
    assert (answer.status, answer.json["sold"]) == (200, 1)


async def test_the_command_prints_what_the_api_answers(api: Api, redis_url: str) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, 2)
    stores = {"DATABASE_URL": api.database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    for words, path in (
        ([*["sales", "--by", "movie"]], "/reports/sales?by=movie"),
        (["occupancy"], "/reports/occupancy"),
        (["showtime", str(cinema.showtime_id)], f"/reports/showtimes/{cinema.showtime_id}"),
    ):
        done = await asyncio.to_thread(CliRunner().invoke, commands, ["report", *words, "--csv"], env=stores)
        assert done.exit_code == 0, done.output
        assert done.stdout_bytes.decode() == (await read(api, path, headers={"Accept": "text/csv"})).text
        table = await asyncio.to_thread(CliRunner().invoke, commands, ["report", *words], env=stores)
        assert table.stdout.splitlines()[-1].startswith("total")
    refused = await asyncio.to_thread(
        CliRunner().invoke, commands, ["report", "sales", "--from", "2026-02-02", "--to", "2026-02-01"], env=stores
    )
    assert (refused.exit_code, "must not be before --from" in refused.output) == (2, True)


async def test_a_report_reads_its_period_and_not_the_whole_table(api: Api, db: Connection) -> None:
    """The statement is planned for its arguments: by id, by cancelled_at, by changed_at, and by expires_at if late."""
    await db.execute("set enable_seqscan = off")
    statement, days = load("reports/sales"), Days(date(2026, 2, 1), date(2026, 2, 28))
    arguments = ["day", str(days.first), str(days.last), None, str(days.since), str(days.until)]
    arguments += [str(id_at(days.since)), str(id_at(days.until)), "10"]
    plan = await explain_text(db, statement, arguments, Mode.CUSTOM)
    for index in (
        "reservations_pkey",
        "archived_reservations_pkey",
        "reservations_cancelled_at_idx",
        "archived_reservations_cancelled_at_idx",
        "reservations_late_idx",
        "archived_reservations_late_idx",
        "reservation_changes_changed_at_idx",
    ):
        assert f" {index} " in plan, plan
