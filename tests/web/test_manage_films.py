"""Films in the administration: found, created, edited and deleted, with what the API refuses at its field."""

import re

from tests.api import Api
from tests.web.test_manage_home import manager_of


async def test_a_film_is_created_edited_and_deleted(api: Api) -> None:
    visitor, admin = await manager_of(api), await api.admin()
    await visitor.open("/manage/films/new")
    filled_in = {
        "title": "The Long Night",
        "description": "A night.\nLong.",
        "duration_minutes": "101",
        "genres": "Drama, Film noir,",
        "age_rating": "PG",
        "release_date": "2026-02-03",
        "original_language": "fr",
        "director": "A. Director",
        "poster_url": "https://posters.example/night.jpg",
    }
    page = await visitor.submit("/manage/films/new", filled_in)
    assert "Created." in page.text
    [film] = (await api.call("GET", "/movies?q=Long Night")).json["items"]
    shown = filled_in | {"genres": ["Drama", "Film noir"], "duration_minutes": 101}
    assert {name: film[name] for name in shown} == shown
    path = f"/manage/films/{film['id']}"
    page = await visitor.open(path)
    assert dict(page.form(path).fields).items() >= (filled_in | {"genres": "Drama, Film noir"}).items()
    page = await visitor.submit(path, title="The Short Night", age_rating="", poster_url="")
    assert "Saved." in page.text
    saved = (await api.call("GET", f"/admin/movies/{film['id']}", who=admin)).json
    assert (saved["title"], saved["age_rating"], saved["poster_url"]) == ("The Short Night", None, None)
    assert saved["description"] == "A night.\nLong."
    await visitor.open(path)
    assert "Deleted." in (await visitor.submit(f"{path}/delete")).text
    assert (await api.call("GET", f"/movies/{film['id']}")).status == 404


async def test_a_film_is_given_a_waiting_room_and_loses_it_again(api: Api) -> None:
    visitor, admin, movie_id = await manager_of(api), await api.admin(), await api.movie()
    path = f"/manage/films/{movie_id}"
    page = await visitor.open(path)
    assert "New showtimes have a waiting room" in page.text
    assert "waiting_room" not in dict(page.form(path).fields)
    for sent, wanted in (("on", True), (None, False)):
        await visitor.open(path)
        assert "Saved." in (await visitor.submit(path, {"waiting_room": sent})).text
        assert (await api.call("GET", f"/admin/movies/{movie_id}", who=admin)).json["waiting_room"] is wanted
        assert ("waiting_room" in dict((await visitor.open(path)).form(path).fields)) is wanted


async def test_what_the_api_refuses_stands_at_its_field_and_nothing_typed_is_lost(api: Api) -> None:
    visitor = await manager_of(api)
    await visitor.open("/manage/films/new")
    page = await visitor.submit("/manage/films/new", title="A", duration_minutes="long", poster_url="nowhere")
    assert page.status == 422
    for name, message in (("duration_minutes", "Not a valid integer."), ("poster_url", "Not a valid URL.")):
        assert f'id="error-{name}" class="field-error">{message}' in page.html
    fields = dict(page.form("/manage/films/new").fields)
    assert (fields["title"], fields["duration_minutes"], fields["poster_url"]) == ("A", "long", "nowhere")
    assert (await api.call("GET", "/movies")).json["items"] == []


async def test_a_film_with_showtimes_is_not_deleted(api: Api) -> None:
    visitor, cinema = await manager_of(api), await api.cinema()
    path = f"/manage/films/{cinema.movie_id}"
    await visitor.open(path)
    page = await visitor.submit(f"{path}/delete")
    assert page.status == 409
    assert "This is still used by something else" in page.text
    assert (await api.call("GET", f"/movies/{cinema.movie_id}")).status == 200


async def test_a_film_that_somebody_else_has_saved_is_shown_with_both_values_before_it_is_overwritten(
    api: Api,
) -> None:
    visitor, admin, movie_id = await manager_of(api), await api.admin(), await api.movie(title="First")
    path = f"/manage/films/{movie_id}"
    await visitor.open(path)
    await api.call("PUT", f"/admin/movies/{movie_id}", {"title": "Theirs", "duration_minutes": 90}, who=admin)
    page = await visitor.submit(path, title="Mine")
    assert page.status == 412
    assert "Another person has changed this in the meantime." in page.text
    assert 'id="error-title" class="field-error">Saved by another administrator in the meantime: Theirs' in page.html
    assert 'id="error-director"' not in page.html
    assert (await api.call("GET", f"/movies/{movie_id}")).json["title"] == "Theirs"
    assert "Saved." in (await visitor.submit(path)).text
    assert (await api.call("GET", f"/movies/{movie_id}")).json["title"] == "Mine"


async def test_films_are_searched_and_paged_in_the_order_of_their_titles(api: Api) -> None:
    visitor = await manager_of(api)
    for number in reversed(range(52)):
        await api.movie(title=f"{'PART' if number % 2 else 'Part'} {number:02}")
    await api.movie(title="Another")
    page = await visitor.open("/manage/films?q=part")
    [following] = [link for link in page.links if "page=" in link]
    first, second = page.text, (await visitor.open(following)).text
    assert re.findall(r"part (\d+)", first, re.IGNORECASE) == [f"{number:02}" for number in range(50)]
    assert re.findall(r"part (\d+)", second, re.IGNORECASE) == ["50", "51"]
    assert "Another" not in first + second
    for odd in ("0", "x", "99"):
        assert (await visitor.open(f"/manage/films?page={odd}")).status == 200
    assert "No film is found." in (await visitor.open("/manage/films?q=nothing")).text
