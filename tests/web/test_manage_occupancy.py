"""Occupancy: the seats of the showtimes on sale by status, as they are now."""

from tests.api import Api, slot
from tests.web.test_manage_home import manager_of


async def test_seats_are_counted_by_status_and_only_of_what_is_on_sale(api: Api) -> None:
    visitor, cinema, customer = await manager_of(api), await api.cinema(2, 10), await api.sign_up()
    sold = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:5])
    await api.confirm(customer, sold.json["id"])
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[5:7])
    blocks = {"seat_ids": cinema.seat_ids[7:8], "reason": "House"}
    await api.make(f"/admin/showtimes/{cinema.showtime_id}/blocks", blocks)
    later = slot(24)["starts_at"]
    unsold = await api.movie(title="Not Yet")
    room, _ = await api.auditorium(1, 1)
    await api.showtime(unsold, room, **slot(25), on_sale_at=later)
    page = await visitor.open("/manage/occupancy")
    assert "A Film , seat map A Room 25 % 5 2 1 12" in page.text
    assert f"/book/{cinema.showtime_id}" in page.links
    assert "Not Yet" not in page.text
    assert "Today" in page.text
    assert "Nothing is on sale." in page.text


async def test_each_cinema_has_its_own_list(api: Api) -> None:
    visitor = await manager_of(api)
    await api.cinema(1, 1)
    other = await api.make("/admin/cinemas", {"name": "Odeon", "timezone": "UTC"})
    room, _ = await api.auditorium(1, 1, cinema_id=other["id"])
    await api.showtime(await api.movie(title="Elsewhere"), room)
    first = await visitor.open("/manage/occupancy")
    assert "A Film" in first.text
    assert "Elsewhere" not in first.text
    assert "Elsewhere" in (await visitor.open(f"/manage/occupancy?cinema_id={other['id']}")).text
