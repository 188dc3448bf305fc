"""The box office: staff and administrators act for customers."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from reservation.db.repository import box_office
from reservation.db.statements import sql
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi

UNKNOWN = "01890000-0000-7000-8000-000000000000"


async def keyed(api: Api, who: Person, path: str, key: str) -> tuple[int, bool]:
    """The status of a request with an Idempotency-Key, and whether it was replayed."""
    answer = await api.call("POST", path, who=who, headers={"Idempotency-Key": key})
    return answer.status, "Idempotent-Replayed" in answer.headers


@pytest.mark.parametrize("role", ["staff", "admin"])
async def test_staff_read_extend_confirm_and_cancel_the_reservation_of_a_customer(api: Api, role: str) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff(role)
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    path = f"/reservations/{held['id']}"

    assert (await api.call("GET", path, who=staff)).json == held
    assert (await api.extend(staff, held["id"])).status == 200
    confirmed = await api.confirm(staff, held["id"])
    assert (confirmed.status, confirmed.json["status"]) == (200, "confirmed")
    assert (await api.call("GET", path, who=customer)).json == confirmed.json
    assert (await api.call("GET", "/reservations", who=staff)).json["items"] == []
    cancelled = (await api.cancel(staff, held["id"])).json
    assert (cancelled["status"], cancelled["cancelled_by"]) == ("cancelled", "staff")
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}


async def test_a_demotion_of_staff_takes_effect_at_once(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    assert (await api.extend(staff, held["id"])).status == 200

    await db.execute("update users set role = 'user' where id = $1", staff.id)  # without telling the worker

    refused = await api.confirm(staff, held["id"])
    assert (refused.status, refused.code) == (404, "not_found")
    assert (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json["status"] == "held"


async def test_a_demoted_member_of_staff_gets_no_stored_answer_about_a_customer(api: Api, db: Connection) -> None:
    """Neither of an operation on a reservation nor of a hold for a customer; their own holds are replayed as ever."""
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json
    holds = f"/showtimes/{cinema.showtime_id}/holds"
    for_customer = {"seat_ids": cinema.seat_ids[1:2], "customer": {"email": customer.email, "name": "A"}}
    requests: list[tuple[str, Any, tuple[int, str]]] = [
        (f"/reservations/{held['id']}/exchange", {"seat_ids": cinema.seat_ids[3:4]}, (404, "not_found")),
        (f"/reservations/{held['id']}/confirm", None, (404, "not_found")),
        (f"/admin/reservations/{held['id']}/cancel", {"reason": "Asked for"}, (403, "forbidden")),
        (holds, for_customer, (403, "forbidden")),
    ]

    async def send(place: int) -> Answer:
        path, body, _ = requests[place]
        return await api.call("POST", path, body, who=staff, headers={"Idempotency-Key": f"key-{place}"})

    for place in range(len(requests)):
        assert (await send(place)).status in (200, 201)
        assert (await send(place)).headers["Idempotent-Replayed"] == "true"
    own = {"seat_ids": cinema.seat_ids[2:3]}
    first, _ = [await api.call("POST", holds, own, who=staff, headers={"Idempotency-Key": "own"}) for _ in range(2)]

    await db.execute("update users set role = 'user' where id = $1", staff.id)  # without telling the worker

    for place, (_, _, refusal) in enumerate(requests):
        refused = await send(place)
        assert (refused.status, refused.code) == refusal, (place, refused.text)
        assert customer.email not in refused.text
    again = await api.call("POST", holds, own, who=staff, headers={"Idempotency-Key": "own"})
    assert (again.status, again.json) == (201, first.json)


async def test_the_idempotency_key_of_staff_is_scoped_to_them(api: Api) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    first = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    second = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])).json["id"]

    assert await keyed(api, staff, f"/reservations/{first}/confirm", "a") == (200, False)
    assert await keyed(api, staff, f"/reservations/{first}/confirm", "a") == (200, True)
    # The customer's own key of the same name is another one.
    assert await keyed(api, customer, f"/reservations/{second}/confirm", "a") == (200, False)
    assert await keyed(api, staff, f"/reservations/{second}/confirm", "a") == (422, False)
    assert await keyed(api, staff, f"/reservations/{first}/cancel", "b") == (200, False)
    assert await keyed(api, staff, f"/reservations/{first}/cancel", "b") == (200, True)


async def test_a_confirm_of_staff_that_fails_leaves_its_idempotency_key_unused(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    assert (await api.cancel(customer, held)).status == 200

    assert await keyed(api, staff, f"/reservations/{held}/confirm", "a") == (409, False)

    assert await db.fetchval("select count(*) from idempotency_keys") == 0


async def test_an_api_key_acts_for_customers_if_its_account_is_staff(api: Api) -> None:
    cinema = await api.cinema()
    customer, staff, other = await api.sign_up(), await api.staff(), await api.sign_up()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    for account, scope, status in ((other, "booking", 404), (staff, "reports", 403), (staff, "booking", 200)):
        body = {"name": "Kiosk", "user_id": account.id, "scopes": [scope]}
        kiosk = Person(0, "", (await api.make("/admin/api-keys", body))["key"], "")
        assert (await api.confirm(kiosk, held)).status == status


async def test_staff_may_not_use_the_administration_of_catalogue_users_and_api_keys(api: Api) -> None:
    staff = await api.staff()
    for path in ("/admin/movies", "/admin/auditoriums", "/admin/showtimes", "/admin/users", "/admin/api-keys"):
        refused = await api.call("GET", path, who=staff)
        assert (refused.status, refused.code) == (403, "forbidden")


async def find(api: Api, who: Person, **filters: Any) -> list[str]:
    """The ids of all pages of GET /admin/reservations, read two at a time."""
    ids: list[str] = []
    query = {"limit": 2, **filters}
    while True:
        page = await api.call("GET", f"/admin/reservations?{urlencode(query)}", who=who)
        assert page.status == 200, page.text
        ids += [item["id"] for item in page.json["items"]]
        if page.json["next_cursor"] is None:
            return ids
        query["cursor"] = page.json["next_cursor"]


async def held_ones(api: Api, who: Person, cinema: Cinema, seats: slice) -> list[str]:
    """A hold on each of these seats; their ids, newest first."""
    answers = [await api.hold(who, cinema.showtime_id, [seat_id]) for seat_id in cinema.seat_ids[seats]]
    return [answer.json["id"] for answer in reversed(answers)]


async def cancel_for(api: Api, who: Person, reservation_id: str, reason: str = "Ill") -> Answer:
    return await api.call("POST", f"/admin/reservations/{reservation_id}/cancel", {"reason": reason}, who=who)


def shown_change(change: dict[str, Any]) -> tuple[str, str, str | None]:
    """A change without its time."""
    return change["change"], change["changed_by"], change["reason"]


async def test_staff_read_a_reservation_with_its_customer(api: Api) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json

    found = await api.call("GET", f"/admin/reservations/{held['id']}", who=staff)

    whose = {"customer": {"id": customer.id, "name": "A Person", "email": customer.email}, "cancel_reason": None}
    assert (found.status, found.json) == (200, held | whose | {"changes": []})
    assert (await api.call("GET", f"/admin/reservations/{UNKNOWN}", who=staff)).code == "not_found"
    assert (await api.call("GET", f"/admin/reservations/{held['id']}", who=customer)).code == "forbidden"


async def test_staff_find_reservations_by_showtime_customer_email_status_and_time(api: Api, db: Connection) -> None:
    first, second = await api.cinema(), await api.cinema()
    ada, bob, staff = await api.sign_up(), await api.sign_up(), await api.staff()
    of_ada = await held_ones(api, ada, first, slice(3))
    of_bob = await held_ones(api, bob, first, slice(3, 6))
    other = await held_ones(api, ada, second, slice(3))
    assert (await api.confirm(ada, of_ada[0])).status == 200
    await db.execute(
        "update reservations set created_at = created_at - interval '1 day', id = $1::uuid where id = $2::uuid",
        old := "01890000-0000-7000-8000-0000000000aa",
        other.pop(),
    )
    made_at = await db.fetchval("select created_at from reservations where id = $1::uuid", old)
    day = made_at - timedelta(hours=1)

    everything = [*other, *of_bob, *of_ada, old]
    assert await find(api, staff) == everything
    assert await find(api, staff, showtime_id=first.showtime_id) == [*of_bob, *of_ada]
    assert await find(api, staff, user_id=ada.id) == [*other, *of_ada, old]
    assert await find(api, staff, user_id=ada.id, showtime_id=first.showtime_id) == of_ada
    assert await find(api, staff, email=bob.email.upper()) == of_bob
    assert await find(api, staff, email=bob.email, user_id=ada.id) == []
    assert await find(api, staff, email="nobody@example.com") == []
    for narrow in ({}, {"user_id": ada.id}, {"showtime_id": first.showtime_id}):
        assert await find(api, staff, status="confirmed", **narrow) == [of_ada[0]]
    assert await find(api, staff, status="held", user_id=ada.id) == [*other, *of_ada[1:], old]
    assert await find(api, staff, user_id=ada.id, **{"from": day.isoformat(), "to": made_at.isoformat()}) == []
    assert await find(api, staff, user_id=ada.id, to=(made_at + timedelta(seconds=1)).isoformat()) == [old]


async def test_staff_find_a_reservation_by_its_code_as_people_write_it(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    ada, staff = await api.sign_up(), await api.staff()
    wanted, _ = await held_ones(api, ada, cinema, slice(2))
    await db.execute("update reservations set code = '0123ABCD' where id = $1::uuid", wanted)

    for code in ("0123ABCD", "oi23abcd", "Ol23AbCd", "0123-ABCD", "0123 abcd", " 0-1 2-3--a b-c d-"):
        assert await find(api, staff, code=code) == [wanted]
    assert await find(api, staff, code="0123ABCE") == []
    assert await find(api, staff, code="0123ABCD", showtime_id=cinema.showtime_id, email=ada.email) == [wanted]
    assert await find(api, staff, code="0123ABCD", user_id=staff.id) == []
    assert await find(api, staff, code="0123ABCD", status="confirmed") == []
    for code in ("0123ABC", "0123ABCDE", "0123ABCU", "0123 ABC", "0123-ABC-", "0123_ABCD", "- -", ""):
        refused = await api.call("GET", f"/admin/reservations?{urlencode({'code': code})}", who=staff)
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/code")


async def test_the_times_of_a_list_are_those_of_created_at(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    ada, staff = await api.sign_up(), await api.staff()
    newest, middle, oldest = await held_ones(api, ada, cinema, slice(3))
    rows = await db.fetch("select id, created_at from reservations")
    made = {str(row["id"]): row["created_at"].isoformat() for row in rows}
    for narrow in ({}, {"user_id": ada.id}, {"showtime_id": cinema.showtime_id}):
        assert await find(api, staff, **narrow, **{"from": made[middle]}) == [newest, middle]
        assert await find(api, staff, **narrow, to=made[middle]) == [oldest]
        assert await find(api, staff, **narrow, **{"from": made[middle], "to": made[newest]}) == [middle]


async def test_archived_reservations_are_listed_and_read_but_not_cancelled(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    ada, staff = await api.sign_up(), await api.staff()
    confirmed, cancelled, kept = await held_ones(api, ada, cinema, slice(3))
    assert (await api.confirm(ada, confirmed)).status == 200
    assert (await cancel_for(api, staff, cancelled)).status == 200
    await db.execute(
        "update showtimes set starts_at = starts_at - interval '90 days', ends_at = ends_at - interval '90 days',"
        " free_at = free_at - interval '90 days'"
    )
    await db.execute("update reservations set created_at = created_at - interval '91 days' where status <> 'held'")
    before = datetime.now(UTC) - timedelta(days=60)
    assert len(await db.fetch(sql("archive/move_reservations"), [cinema.showtime_id], before, 100)) == 2

    for narrow in ({}, {"user_id": ada.id}, {"showtime_id": cinema.showtime_id}, {"email": ada.email}):
        assert sorted(await find(api, staff, **narrow)) == sorted([confirmed, cancelled, kept])
    found = await api.call("GET", f"/admin/reservations/{cancelled}", who=staff)
    assert (found.json["status"], found.json["cancel_reason"]) == ("cancelled", "Ill")
    assert (await cancel_for(api, staff, confirmed)).code == "too_late_to_cancel"
    assert (await cancel_for(api, staff, cancelled, "Again")).json == found.json


async def test_staff_cancel_after_the_showtime_has_started_and_the_first_reason_stays(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    assert (await api.confirm(customer, held["id"])).status == 200
    await db.execute("update showtimes set starts_at = now() - interval '1 minute'")
    assert (await api.cancel(customer, held["id"])).code == "too_late_to_cancel"

    cancelled = await cancel_for(api, staff, held["id"])

    assert cancelled.status == 200
    assert (cancelled.json["status"], cancelled.json["cancel_reason"]) == ("cancelled", "Ill")
    assert cancelled.json["cancelled_by"] == "staff"
    assert cancelled.json["customer"]["id"] == customer.id
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    assert (await cancel_for(api, staff, held["id"], "Another")).json == cancelled.json
    seen = (await api.call("GET", f"/reservations/{held['id']}", who=customer)).json
    assert seen["status"] == "cancelled"
    assert "cancel_reason" not in seen


async def test_a_cancel_by_the_box_office_refuses_other_seats_a_blank_reason_and_expired_holds(
    api: Api, db: Connection
) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    path = f"/admin/reservations/{held['id']}/cancel"
    bodies: dict[str, Any] = {"/reason": {"reason": " "}, "/seat_ids/0": {"reason": "R", "seat_ids": [4711]}}
    for pointer, body in bodies.items():
        refused = await api.call("POST", path, body, who=staff)
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, pointer)
    assert (await api.call("POST", path, {"reason": "R"}, who=customer)).code == "forbidden"
    await db.execute("update reservations set expires_at = created_at + interval '1 microsecond'")
    assert (await cancel_for(api, staff, held["id"])).code == "hold_expired"


async def test_the_box_office_cancels_some_seats_for_a_reason_after_the_cutoff(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api(CANCEL_CUTOFF_MINUTES="2880")
    cinema, customer, staff = await api.cinema(), await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json
    assert (await api.confirm(customer, held["id"])).status == 200
    body = {"reason": "The seat is broken", "seat_ids": cinema.seat_ids[:1]}

    left = await api.call("POST", f"/admin/reservations/{held['id']}/cancel", body, who=staff)

    assert (left.status, left.json["status"], left.json["seats"]) == (200, "confirmed", held["seats"][1:])
    assert [*(await api.statuses(cinema.showtime_id)).values()][:2] == ["available", "booked"]
    change = await db.fetchrow("select change, changed_by, reason, seat_ids from reservation_changes")
    assert tuple(change or ()) == ("cancelled_seats", "staff", "The seat is broken", cinema.seat_ids[:2])
    assert left.json["cancel_reason"] is None
    assert [shown_change(each) for each in left.json["changes"]] == [("cancelled_seats", "staff", "The seat is broken")]


async def test_a_repeated_cancel_of_the_box_office_gets_its_first_answer(api: Api) -> None:
    cinema, customer, staff = await api.cinema(), await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:3])).json["id"]
    assert (await api.confirm(customer, held)).status == 200
    path = f"/admin/reservations/{held}/cancel"

    async def send(key: str, body: dict[str, Any]) -> Answer:
        return await api.call("POST", path, body, who=staff, headers={"Idempotency-Key": key})

    requests: dict[str, dict[str, Any]] = {
        "one": {"reason": "Broken", "seat_ids": cinema.seat_ids[:1]},
        "two": {"reason": "Ill", "seat_ids": cinema.seat_ids[1:2]},
        "rest": {"reason": "No projector"},
    }
    first = {key: await send(key, body) for key, body in requests.items()}
    assert [len(first[key].json["changes"]) for key in requests] == [1, 2, 2]
    assert [first[key].json["cancel_reason"] for key in requests] == [None, None, "No projector"]
    for key, body in requests.items():
        again = await send(key, body)
        assert (again.status, again.text) == (200, first[key].text)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first[key].headers
    assert (await send("one", requests["rest"])).code == "idempotency_key_reused"


async def test_staff_see_the_last_changes_of_a_reservation_newest_first(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema, customer, staff = await api.cinema(), await api.sign_up(), await api.staff()
    held = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json["id"]
    path = f"/reservations/{held}"
    await api.call("POST", f"{path}/seats", {"seat_ids": cinema.seat_ids[2:4]}, who=customer)
    body = {"reason": "The seat is broken", "seat_ids": cinema.seat_ids[:1]}
    await api.call("POST", f"/admin{path}/cancel", body, who=staff)
    changes = (await cancel_for(api, staff, held)).json["changes"]
    assert [shown_change(each) for each in changes] == [
        ("cancelled_seats", "staff", "The seat is broken"),
        ("added_seats", "customer", None),
    ]
    assert datetime.fromisoformat(changes[0]["changed_at"]) > datetime.fromisoformat(changes[1]["changed_at"])
    monkeypatch.setattr(box_office, "MAX_CHANGES", 1)
    assert (await api.call("GET", f"/admin{path}", who=staff)).json["changes"] == changes[:1]
    assert "changes" not in (await api.call("GET", path, who=customer)).json


async def test_staff_exchange_and_change_the_reservations_of_customers(api: Api, db: Connection) -> None:
    cinema, customer, staff = await api.cinema(), await api.sign_up(), await api.staff()
    path = f"/reservations/{(await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json['id']}"
    exchanged = await api.call("POST", f"{path}/exchange", {"seat_ids": cinema.seat_ids[4:6]}, who=staff)
    added = await api.call("POST", f"{path}/seats", {"seat_ids": cinema.seat_ids[6:7]}, who=staff)
    removed = await api.call("DELETE", f"{path}/seats/{cinema.seat_ids[4]}", who=staff)
    assert [answer.status for answer in (exchanged, added, removed)] == [200] * 3
    assert (await api.call("GET", path, who=customer)).json == removed.json
    rows = await db.fetch("select change, changed_by from reservation_changes order by id")
    assert [*map(tuple, rows)] == [("exchanged", "staff"), ("added_seats", "staff"), ("cancelled_seats", "staff")]


async def test_a_page_reads_a_limited_number_of_rows_and_goes_on_after_them(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reservation.db.repository.box_office.MAX_ROWS_READ", 3)
    cinema = await api.cinema()
    ada, staff = await api.sign_up(), await api.staff()
    ids = await held_ones(api, ada, cinema, slice(4))
    for seat in range(4, 9):
        await api.cancel(ada, (await held_ones(api, ada, cinema, slice(seat, seat + 1)))[0])
    for narrow in ({}, {"user_id": ada.id}):
        query = urlencode({"status": "held", "limit": 1, **narrow})
        page = await api.call("GET", f"/admin/reservations?{query}", who=staff)
        assert page.json["items"] == []
        assert page.json["next_cursor"] is not None
        assert await find(api, staff, status="held", **narrow) == ids


CUSTOMER = {"name": "Grace", "email": "grace@example.com"}


async def hold_for(api: Api, who: Person, cinema: Cinema, seats: slice, customer: Any = None, **rest: Any) -> Answer:
    body = {"seat_ids": cinema.seat_ids[seats], "customer": customer or CUSTOMER}
    return await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=who, **rest)


async def customer_of(api: Api, who: Person, held: Answer) -> Any:
    """The customer of a hold, which the answer to the hold names as the list of the box office does."""
    assert held.status == 201, held.text
    shown = (await api.call("GET", f"/admin/reservations/{held.json['id']}", who=who)).json["customer"]
    assert held.json["customer"] == shown
    return shown


async def test_a_hold_for_the_address_of_an_account_belongs_to_the_account(api: Api) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()

    held = await hold_for(api, staff, cinema, slice(2), {"name": "Other", "email": customer.email.upper()})

    whose = {"id": customer.id, "name": "A Person", "email": customer.email}
    assert await customer_of(api, staff, held) == whose
    [shown] = (await api.call("GET", "/reservations", who=customer)).json["items"]
    assert shown | {"customer": whose} == held.json
    assert (await api.call("GET", "/reservations", who=staff)).json["items"] == []
    assert (await api.confirm(staff, held.json["id"])).status == 200


async def test_a_hold_for_an_address_without_an_account_belongs_to_a_guest_who_is_found_again(api: Api) -> None:
    cinema = await api.cinema()
    staff, other = await api.staff(), await api.staff("admin")
    first = await customer_of(api, staff, await hold_for(api, staff, cinema, slice(1)))
    again = {"name": "Grace", "email": "GRACE@example.com"}
    assert first == {"id": first["id"], **CUSTOMER}
    assert await customer_of(api, staff, await hold_for(api, other, cinema, slice(1, 2), again)) == first
    renamed = await customer_of(
        api, staff, await hold_for(api, staff, cinema, slice(2, 3), CUSTOMER | {"name": "Alan"})
    )
    assert (renamed["name"], renamed["id"] == first["id"]) == ("Alan", False)
    assert len(await find(api, staff, email="grace@example.com")) == 3


async def test_the_best_available_seats_are_held_for_a_customer(api: Api) -> None:
    cinema = await api.cinema()
    staff = await api.staff()
    body = {"quantity": 2, "customer": CUSTOMER}
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=staff)
    assert (await customer_of(api, staff, held))["email"] == CUSTOMER["email"]


async def test_customers_may_not_hold_for_others(api: Api, db: Connection) -> None:
    cinema = await api.cinema()
    customer, staff = await api.sign_up(), await api.staff()
    machine = {"name": "Kiosk", "scopes": ["booking"]}
    keys = [(await api.make("/admin/api-keys", machine | {"user_id": who.id}))["key"] for who in (customer, staff)]
    of_customer, of_staff = (Person(0, "", key, "") for key in keys)
    for who in (customer, of_customer):
        refused = await hold_for(api, who, cinema, slice(2))
        assert (refused.status, refused.code) == (403, "forbidden")
    assert await db.fetchval("select count(*) from users where role = 'guest'") == 0
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    assert (await hold_for(api, of_staff, cinema, slice(2))).status == 201


async def test_a_customer_without_a_valid_address_or_name_is_422(api: Api) -> None:
    cinema, staff = await api.cinema(), await api.staff()
    for customer, pointer in (
        ({"name": "G"}, "/customer/email"),
        ({"name": "G", "email": "nowhere"}, "/customer/email"),
        ({"name": " ", "email": "g@example.com"}, "/customer/name"),
        ({**CUSTOMER, "id": 1}, "/customer/id"),
    ):
        refused = await hold_for(api, staff, cinema, slice(1), customer)
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, pointer)


async def test_a_repeated_hold_for_a_customer_gets_the_first_answer(api: Api, db: Connection) -> None:
    cinema, staff, other = await api.cinema(), await api.staff(), await api.staff()
    headers = {"Idempotency-Key": "till-1"}

    first = await hold_for(api, staff, cinema, slice(2), headers=headers)
    again = await hold_for(api, staff, cinema, slice(2), headers=headers)

    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await hold_for(api, staff, cinema, slice(2, 3), headers=headers)).code == "idempotency_key_reused"
    assert (await hold_for(api, other, cinema, slice(3, 4), headers=headers)).status == 201  # a key of their own
    owners = await db.fetch("select user_id from idempotency_keys order by user_id")
    assert [row["user_id"] for row in owners] == [staff.id, other.id]


async def test_a_refused_hold_for_a_customer_leaves_its_idempotency_key_unused(api: Api, db: Connection) -> None:
    cinema, staff = await api.cinema(), await api.staff()
    taken = await hold_for(api, staff, cinema, slice(1))
    assert (await api.confirm(staff, taken.json["id"])).status == 200
    headers = {"Idempotency-Key": "till-1"}
    assert (await hold_for(api, staff, cinema, slice(1), headers=headers)).code == "seats_unavailable"
    assert await db.fetchval("select count(*) from idempotency_keys") == 0
    assert (await cancel_for(api, staff, taken.json["id"])).status == 200
    assert (await hold_for(api, staff, cinema, slice(1), headers=headers)).status == 201
