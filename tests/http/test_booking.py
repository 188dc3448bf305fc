"""Hold, confirm, cancel: the contract as a customer's client sees it."""

from tests.api import Api


async def test_hold_and_confirm(api: Api) -> None:
    cinema = await api.cinema()
    customer = await api.sign_up()
    first, second = cinema.seat_ids[:2]

    held = await api.hold(customer, cinema.showtime_id, [first, second])

    assert held.status == 201, held.text
    assert held.headers["Location"] == f"/reservations/{held.json['id']}"
    assert held.json["status"] == "held"
    assert [seat["seat_id"] for seat in held.json["seats"]] == [first, second]
    assert held.json["total_price"] == "20.00"
    confirmed = await api.confirm(customer, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    assert confirmed.json["status"] == "confirmed"
    statuses = await api.statuses(cinema.showtime_id)
    assert [seat for seat, status in statuses.items() if status == "booked"] == [first, second]
