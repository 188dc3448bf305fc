"""The cache of layouts: the showtimes used last stay in it, and what it lacks is read from PostgreSQL."""

import pytest

from reservation.http.app_keys import BOOKING_CONTEXT
from reservation.seatmap import layouts as module
from tests.api import Api, slot


async def test_a_layout_that_holds_use_stays_cached_while_maps_of_others_are_read(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SHOWTIMES", 2)
    cinema, customer = await api.cinema(), await api.sign_up()
    others = [await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 * days)) for days in (2, 3, 4)]
    layouts = api.client.app[BOOKING_CONTEXT].layouts
    kept = await layouts.load(cinema.showtime_id)
    for place, other in enumerate(others):
        assert (await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[place]])).status == 201
        await api.statuses(other)

    assert layouts.known(cinema.showtime_id) is kept
    assert [layouts.known(other) is not None for other in others] == [False, False, True]


async def test_layouts_at_other_versions_are_read_together(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=2)
    second = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    context = api.client.app[BOOKING_CONTEXT]
    async with context.database.connection() as conn:
        found = await context.layouts.at(conn, {cinema.showtime_id: 5, second: 6, 4711: 7})
        again = await context.layouts.at(conn, {cinema.showtime_id: 5, second: 8})

    assert {showtime_id: layout.version for showtime_id, layout in found.items()} == {cinema.showtime_id: 5, second: 6}
    assert again[cinema.showtime_id] is found[cinema.showtime_id]
    assert again[second].version == 8
    assert again[second].room is found[second].room is found[cinema.showtime_id].room
