"""The seats of a room as text: checked, told, saved; ids stay, and sold seats stay."""

from typing import Any

from tests.api import Api
from tests.web.test_manage_home import manager_of

PLAN = "A = regular 1.00\nP = premium 1.50\nW = wheelchair 1.00\n\nA: WA_AA\nB: AA_AA\n\nC: PP_PP\n"


async def _seats(api: Api, auditorium_id: int) -> dict[str, Any]:
    path = f"/admin/auditoriums/{auditorium_id}/seats"
    found = (await api.call("GET", path, who=await api.admin())).json["items"]
    return {f"{seat['row_label']}{seat['seat_number']}": seat for seat in found}


async def test_a_plan_is_checked_before_it_is_saved_and_read_back_as_the_same_text(api: Api) -> None:
    visitor, (auditorium_id, _) = await manager_of(api), await api.auditorium(1, 1, capacity=12)
    path = f"/manage/rooms/{auditorium_id}/seats"
    await visitor.open(path)
    page = await visitor.submit(path, plan=PLAN, step="check")
    assert page.status == 200
    assert "11 seats are added: A 2–4 · B 1–4 · C 1–4" in page.text
    assert "1 seat gets another type, price or place: A 1" in page.text
    assert len(await _seats(api, auditorium_id)) == 1
    page = await visitor.submit(path, step="save")
    assert "Saved." in page.text
    seats = await _seats(api, auditorium_id)
    assert len(seats) == 12
    shown = {name: seats["C3"][name] for name in ("seat_type", "price_modifier", "x", "y")}
    assert shown == {"seat_type": "premium", "price_modifier": "1.50", "x": 4, "y": 4}
    assert dict(page.form(path).fields)["plan"] == PLAN


async def test_a_text_that_was_not_checked_is_checked_and_not_saved(api: Api) -> None:
    visitor, (auditorium_id, _) = await manager_of(api), await api.auditorium(1, 2, capacity=12)
    path = f"/manage/rooms/{auditorium_id}/seats"
    await visitor.open(path)
    await visitor.submit(path, plan="A: AA", step="check")
    page = await visitor.submit(path, plan="A: A", step="save")
    assert "1 seat is removed: A 2" in page.text
    assert len(await _seats(api, auditorium_id)) == 2
    await visitor.submit(path, step="save")
    assert list(await _seats(api, auditorium_id)) == ["A1"]


async def test_mistakes_are_shown_with_line_and_place_and_nothing_is_saved(api: Api) -> None:
    visitor, (auditorium_id, _) = await manager_of(api), await api.auditorium(1, 2, capacity=4)
    path = f"/manage/rooms/{auditorium_id}/seats"
    await visitor.open(path)
    page = await visitor.submit(path, plan="A: AA\nB: AX", step="save")
    assert page.status == 422
    assert "Line 2, place 5: “X” is not in the legend" in page.text
    page = await visitor.submit(path, plan="A: AAA\nB: AA", step="check")
    assert "The plan has 5 seats, and the room may have 4." in page.text
    assert len(await _seats(api, auditorium_id)) == 2


async def test_seats_keep_their_ids_and_a_sold_seat_cannot_be_left_out(api: Api) -> None:
    visitor, cinema, customer = await manager_of(api), await api.cinema(2, 3), await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[1:2])
    await api.confirm(customer, held.json["id"])
    path = f"/manage/rooms/{cinema.auditorium_id}/seats"
    await visitor.open(path)
    page = await visitor.submit(path, plan="A 1,3: AA\nB: AAA", step="check")
    assert "1 showtime that is not over gets this plan." in page.text
    page = await visitor.submit(path, step="save")
    assert page.status == 409
    assert "so they have to stay: A 2" in page.text
    assert 'class="kept"' in page.html
    assert [seat["id"] for seat in (await _seats(api, cinema.auditorium_id)).values()] == cinema.seat_ids
    await visitor.submit(path, plan="A: A_A A\nB: AAA", step="check")
    await visitor.submit(path, step="save")
    assert [seat["id"] for seat in (await _seats(api, cinema.auditorium_id)).values()] == cinema.seat_ids


async def test_seats_without_places_get_those_of_their_numbers(api: Api) -> None:
    visitor, (auditorium_id, _) = await manager_of(api), await api.auditorium(2, 3)
    path = f"/manage/rooms/{auditorium_id}/seats"
    page = await visitor.open(path)
    assert dict(page.form(path).fields)["plan"].endswith("A @none: AAA\nB @none: AAA\n")
    await visitor.submit(path, step="place")
    await visitor.submit(path, step="save")
    seats = await _seats(api, auditorium_id)
    assert [(seat["x"], seat["y"]) for seat in seats.values()] == [(x, y) for y in (1, 2) for x in (1, 2, 3)]


async def test_a_plan_that_somebody_else_has_changed_is_checked_again(api: Api) -> None:
    visitor, (auditorium_id, _) = await manager_of(api), await api.auditorium(1, 2, capacity=9)
    path = f"/manage/rooms/{auditorium_id}/seats"
    await visitor.open(path)
    await visitor.submit(path, plan="A @none: AAA", step="check")
    await api.make(f"/admin/auditoriums/{auditorium_id}/seats/batch", {"rows": 1, "seats_per_row": 1})
    page = await visitor.submit(path, step="save")
    assert "1 seat is removed: B 1" in page.text
    assert set(await _seats(api, auditorium_id)) == {"A1", "A2", "B1"}
