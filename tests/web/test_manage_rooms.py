"""Cinemas, rooms and ticket types in the administration."""

from tests.api import Api
from tests.web.test_manage_home import manager_of


async def test_a_cinema_gets_a_room_whose_seats_are_drawn_next(api: Api) -> None:
    visitor, admin = await manager_of(api), await api.admin()
    await visitor.open("/manage/cinemas/new")
    page = await visitor.submit("/manage/cinemas/new", name="Odeon", address="1 High St", timezone="Europe/London")
    assert "Odeon" in page.text
    [cinema] = [each for each in (await api.call("GET", "/cinemas")).json["items"] if each["name"] == "Odeon"]
    await visitor.open(f"/manage/rooms/new?cinema_id={cinema['id']}")
    page = await visitor.submit(
        "/manage/rooms/new", name="Blue", capacity="50", screen="IMAX", focal_row="g", details='{"lift": true}'
    )
    [room] = (await api.call("GET", "/admin/auditoriums", who=admin)).json["items"]
    assert page.url.endswith(f"/manage/rooms/{room['id']}/seats?done=created")
    assert (room["cinema_id"], room["focal_row"]) == (cinema["id"], "G")
    assert room["extra_metadata"] == {"screen": "IMAX", "lift": True}
    path = f"/manage/rooms/{room['id']}"
    await visitor.open(path)
    await visitor.submit(path, sound="Atmos", capacity="60")
    saved = (await api.call("GET", f"/auditoriums/{room['id']}")).json
    assert saved["capacity"] == 60
    assert saved["extra_metadata"] == {"screen": "IMAX", "lift": True, "sound": "Atmos"}


async def test_wrong_fields_of_cinemas_and_rooms_are_named(api: Api) -> None:
    visitor = await manager_of(api)
    await visitor.open("/manage/cinemas/new")
    page = await visitor.submit("/manage/cinemas/new", name="Odeon", timezone="Europe/Nowhere")
    assert 'id="error-timezone" class="field-error">There is no such time zone' in page.html
    await visitor.open("/manage/rooms/new")
    page = await visitor.submit("/manage/rooms/new", name="Blue", capacity="50", details="no json")
    assert 'id="error-details" class="field-error">Must be a JSON object.' in page.html


async def test_a_cinema_with_rooms_is_not_deleted_and_a_room_without_showtimes_is(api: Api) -> None:
    visitor, admin = await manager_of(api), await api.admin()
    auditorium_id, _ = await api.auditorium()
    room = (await api.call("GET", f"/auditoriums/{auditorium_id}")).json
    cinema = f"/manage/cinemas/{room['cinema_id']}"
    await visitor.open(cinema)
    assert (await visitor.submit(f"{cinema}/delete")).status == 409
    await visitor.open(f"/manage/rooms/{auditorium_id}")
    assert "Deleted." in (await visitor.submit(f"/manage/rooms/{auditorium_id}/delete")).text
    assert (await api.call("GET", f"/admin/auditoriums/{auditorium_id}", who=admin)).status == 404


async def test_a_ticket_type_is_created_taken_off_sale_and_deleted(api: Api) -> None:
    visitor, admin = await manager_of(api), await api.admin()
    page = await visitor.open("/manage/ticket-types/new")
    assert ("position", "1") in page.form("/manage/ticket-types/new").fields  # behind the standard one
    page = await visitor.submit("/manage/ticket-types/new", name="Child", price_factor="0,50", fixed_price="3,00")
    assert 'id="error-price_factor" class="field-error">Give either price_factor or fixed_price.' in page.html
    page = await visitor.submit("/manage/ticket-types/new", fixed_price="", position="2")
    assert "seat’s price × 0.50" in page.text
    [child] = [each for each in (await api.call("GET", "/ticket-types")).json["items"] if each["name"] == "Child"]
    path = f"/manage/ticket-types/{child['id']}"
    await visitor.open(path)
    await visitor.submit(path, active=None)
    stored = (await api.call("GET", f"/admin/ticket-types/{child['id']}", who=admin)).json
    assert (stored["active"], stored["position"], stored["price_factor"]) == (False, 2, "0.50")
    await visitor.open(path)
    assert "Child" not in (await visitor.submit(f"{path}/delete")).text
