"""The change log has every change of staff and administrators, and none that was not committed."""

from typing import Any

import asyncpg
import pytest

from reservation.app import TABLES
from tests.api import Api, Connection, Person, slot
from tests.http.test_documented import administrate, book

FILM = {"title": "A Film", "duration_minutes": 90}
SECRETS = ("password", "hash", "secret")


async def entries(api: Api, who: Person | None = None, **filters: Any) -> list[dict[str, Any]]:
    """The newest entries of the change log."""
    answer = await api.call("GET", "/admin/change-log", who=who or await api.admin(), params=filters)
    assert answer.status == 200, answer.text
    return list(answer.json["items"])


async def test_every_administrative_write_leaves_an_entry(api: Api, db: Connection) -> None:
    await administrate(api)
    await book(api)
    writes = {
        operation.handler.__name__
        for table in TABLES
        for operation in table.operations
        if operation.path.startswith("/admin/") and operation.method != "GET"
    }
    assert len(writes) > 25

    recorded = await db.fetch("select action, user_id, request_id, before, after from change_log")

    assert writes - {row["action"] for row in recorded} == set()
    admin = await api.admin()
    assert {row["user_id"] for row in recorded} == {admin.id}
    assert all(row["request_id"] for row in recorded)
    texts = [f"{row['before']}{row['after']}" for row in recorded]
    assert not [text for text in texts if any(secret in text for secret in SECRETS) or "@example.com" in text]


async def test_an_entry_has_the_row_before_and_after(api: Api) -> None:
    movie = await api.make("/admin/movies", FILM)
    path, admin = f"/admin/movies/{movie['id']}", await api.admin()
    await api.call("PUT", path, FILM | {"title": "Another"}, who=admin, headers={"X-Request-ID": "mine"})
    await api.call("DELETE", path, who=admin)

    deleted, replaced, created = await entries(api, subject=f"movie/{movie['id']}")

    assert (created["action"], created["before"], created["after"]["title"]) == ("create_movie", None, "A Film")
    assert (replaced["action"], replaced["request_id"], replaced["user_id"]) == ("replace_movie", "mine", admin.id)
    assert (replaced["before"]["title"], replaced["after"]["title"]) == ("A Film", "Another")
    assert (deleted["action"], deleted["after"]) == ("delete_movie", None)


async def test_money_in_an_entry_is_a_decimal_string(api: Api) -> None:
    cinema = await api.cinema()
    await api.make("/admin/auditoriums", {"name": "R", "capacity": 1, "extra_metadata": {"wide": [1.5]}})

    [showtime] = await entries(api, subject=f"showtime/{cinema.showtime_id}")
    [room, *_] = await entries(api)

    assert showtime["after"]["base_price"] == "10.00"
    assert room["after"]["extra_metadata"] == {"wide": [1.5]}


async def test_many_rows_of_one_request_are_an_entry_each(api: Api) -> None:
    cinema = await api.cinema(rows=3, seats_per_row=4)
    path, admin = f"/admin/showtimes/{cinema.showtime_id}/blocks", await api.admin()
    await api.call("POST", path, {"seat_ids": cinema.seat_ids[:2], "reason": "House"}, who=admin)

    seats = [entry for entry in await entries(api, limit=200) if entry["action"] == "create_seats"]
    blocks = [entry for entry in await entries(api) if "seat_id" in (entry["after"] or {})]

    assert len(seats) == len(cinema.seat_ids) + 1
    room = f"auditorium/{cinema.auditorium_id}"
    assert {entry["subject"] for entry in seats} == {room, *(f"seat/{seat_id}" for seat_id in cinema.seat_ids)}
    assert {entry["subject"] for entry in blocks} == {f"showtime/{cinema.showtime_id}"}
    assert {entry["action"] for entry in blocks} == {"block_seats"}
    assert {entry["after"]["seat_id"] for entry in blocks} == {*cinema.seat_ids[:2]}


async def test_staffs_changes_of_a_customers_reservation_are_recorded_and_the_customers_are_not(api: Api) -> None:
    cinema = await api.cinema()
    person, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:3])).json
    path = f"/reservations/{held['id']}"
    await api.call("DELETE", f"{path}/seats/{cinema.seat_ids[2]}", who=person)
    await api.confirm(person, held["id"])
    await api.call("POST", f"{path}/exchange", {"seat_ids": cinema.seat_ids[4:6]}, who=staff)
    await api.call("POST", f"/admin{path}/cancel", {"reason": "Ill"}, who=staff)

    cancelled, exchanged = await entries(api, subject=f"reservation/{held['id']}")

    assert (exchanged["action"], exchanged["user_id"]) == ("exchange_seats", staff.id)
    assert exchanged["before"]["seat_ids"] == cinema.seat_ids[:2]
    assert exchanged["after"]["seat_ids"] == cinema.seat_ids[4:6]
    assert (cancelled["after"]["status"], cancelled["after"]["cancel_reason"]) == ("cancelled", "Ill")


async def test_what_staff_book_for_a_customer_is_recorded_and_what_they_book_for_themselves_is_not(
    api: Api, db: Connection
) -> None:
    cinema, staff = await api.cinema(), await api.staff()
    path, customer = f"/showtimes/{cinema.showtime_id}/holds", {"email": "phone@example.com", "name": "By Phone"}
    own = (await api.hold(staff, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    await api.confirm(staff, own)
    held = await api.call("POST", path, {"seat_ids": cinema.seat_ids[1:3], "customer": customer}, who=staff)
    assert held.status == 201, held.text
    theirs, guest = held.json["id"], held.json["customer"]["id"]
    await db.execute("update reservations set expires_at = expires_at - interval '1 minute'")
    assert (await api.extend(staff, theirs)).status == 200
    for _ in range(2):
        assert (await api.confirm(staff, theirs)).status == 200
    late = (await api.call("POST", path, {"quantity": 2, "customer": customer}, who=staff)).json["id"]
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", late)
    assert (await api.confirm(staff, late)).json["late"]

    confirmed, extended, created = await entries(api, subject=f"reservation/{theirs}")
    confirmed_late, _ = await entries(api, subject=f"reservation/{late}")

    assert [each["action"] for each in (created, extended, confirmed)] == [
        "create_hold",
        "extend_reservation",
        "confirm_reservation",
    ]
    assert {each["user_id"] for each in (created, extended, confirmed, confirmed_late)} == {staff.id}
    assert (created["before"], created["after"]["seat_ids"]) == (None, cinema.seat_ids[1:3])
    assert extended["after"]["expires_at"] > extended["before"]["expires_at"]
    assert (confirmed["before"]["status"], confirmed["after"]["status"]) == ("held", "confirmed")
    assert confirmed_late["after"]["late"] is True
    assert [entry["action"] for entry in await entries(api, subject=f"user/{guest}")] == ["create_hold"]
    assert await entries(api, subject=f"reservation/{own}") == []


async def test_staffs_hold_for_a_customer_is_not_committed_without_its_entry(api: Api, db: Connection) -> None:
    cinema, staff = await api.cinema(), await api.staff()
    customer = await api.sign_up()
    await db.execute("alter table change_log add constraint full_log check (false) not valid")
    body = {"seat_ids": cinema.seat_ids[:1], "customer": {"email": customer.email, "name": "A Person"}}
    refused = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=staff)
    assert refused.status == 500
    assert await db.fetchval("select count(*) from reservations") == 0
    assert (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).status == 201


async def test_a_showtime_called_off_has_an_entry_for_each_reservation(api: Api) -> None:
    cinema = await api.cinema()
    held = [await api.hold(await api.sign_up(), cinema.showtime_id, [seat_id]) for seat_id in cinema.seat_ids[:3]]
    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    await api.call("POST", path, {"reason": "Flooded"}, who=await api.admin())

    recorded = {entry["subject"] for entry in await entries(api) if entry["action"] == "cancel_showtime"}

    assert recorded == {f"showtime/{cinema.showtime_id}"} | {f"reservation/{each.json['id']}" for each in held}


async def test_no_change_is_committed_without_its_entry(api: Api, db: Connection) -> None:
    movie_id, admin = await api.movie(), await api.admin()
    await db.execute("alter table change_log add constraint full_log check (false) not valid")

    for method, path, body in (
        ("POST", "/admin/movies", FILM),
        ("PUT", f"/admin/movies/{movie_id}", FILM | {"title": "Another"}),
        ("DELETE", f"/admin/movies/{movie_id}", None),
        ("POST", "/admin/api-keys", {"name": "K", "user_id": admin.id, "scopes": ["booking"]}),
    ):
        assert (await api.call(method, path, body, who=admin)).status == 500

    assert [row["title"] for row in await db.fetch("select title from movies")] == ["A Film"]
    assert await db.fetchval("select count(*) from api_keys") == 0


async def test_no_entry_is_committed_without_its_change(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    before = await db.fetchval("select count(*) from change_log")
    item = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": 1}
    batch = {"showtimes": [item | slot(48), item | slot(24)], "all_or_nothing": True}
    assert (await api.call("POST", "/admin/showtimes/batch", batch, who=await api.admin())).status == 409

    assert await db.fetchval("select count(*) from change_log") == before


async def test_the_role_of_the_service_can_only_read_the_log(db: Connection) -> None:
    if not await db.fetchval("select exists (select from pg_roles where rolname = 'reservation_app')"):
        await db.execute("create role reservation_app")
    await db.execute("call grant_reservation_roles()")

    async def as_the_service(statement: str) -> Any:
        async with db.transaction():
            await db.execute("set local role reservation_app")
            await db.execute("select set_config('reservation.action', 'test', true)")
            return await db.fetchval(statement)

    movie_id = await as_the_service("insert into movies (title, duration_minutes) values ('A', 1) returning id")
    assert await as_the_service("select subject from change_log") == f"movie/{movie_id}"
    for refused in (
        "delete from change_log",
        "update change_log set action = ''",
        "truncate change_log",
        "insert into change_log (action, subject) values ('a', 'b')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_the_service(refused)


async def test_pages_of_each_filter_have_every_entry_once(api: Api) -> None:
    movie = await api.make("/admin/movies", FILM)
    admin, other = await api.admin(), await api.staff("admin")
    for who in (admin, other, admin, other, other):
        await api.call("PUT", f"/admin/movies/{movie['id']}", FILM, who=who)
    whole = await entries(api)
    middle = whole[2]["at"]

    async def pages(**filters: Any) -> list[Any]:
        found: list[Any] = []
        cursor = None
        while True:
            more: dict[str, Any] = {"cursor": cursor} if cursor else {}
            page = await api.call("GET", "/admin/change-log", who=admin, params={"limit": 2} | filters | more)
            found += page.json["items"]
            cursor = page.json["next_cursor"]
            if cursor is None:
                return found

    assert await pages() == whole
    assert await pages(user_id=other.id) == [entry for entry in whole if entry["user_id"] == other.id]
    assert await pages(subject=f"movie/{movie['id']}", user_id=admin.id) == [
        entry for entry in whole if entry["user_id"] == admin.id
    ]
    assert await pages(**{"from": middle}) == whole[:3]
    assert await pages(to=middle) == whole[3:]


async def test_only_administrators_read_the_log(api: Api) -> None:
    assert (await api.call("GET", "/admin/change-log", who=await api.staff())).status == 403
