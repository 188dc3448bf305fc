"""The box office: staff and administrators act for customers."""

import pytest

from tests.api import Api, Connection, Person


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
    assert (await api.cancel(staff, held["id"])).json["status"] == "cancelled"
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
