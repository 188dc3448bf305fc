"""Times in requests, wherever one is taken: as many fraction digits as RFC 3339 allows, cut beyond microseconds."""

import pytest
from yarl import URL

from tests.api import Api

START, END = "2031-05-01T20:00:00.1234567+02:00", "2031-05-01T20:00:00.999999999Z"
START_SHOWN, END_SHOWN = "2031-05-01T18:00:00.123456Z", "2031-05-01T20:00:00.999999Z"
LISTS = ("/showtimes", "/movies/{movie}/showtimes", "/admin/showtimes", "/admin/reservations", "/admin/change-log")


async def test_a_body_takes_nanoseconds_which_are_cut(api: Api) -> None:
    movie_id, (auditorium_id, _) = await api.movie(), await api.auditorium()
    body = {"movie_id": movie_id, "auditorium_id": auditorium_id, "base_price": "10.00"}
    times = {"starts_at": START, "ends_at": END, "on_sale_at": "2030-01-01T00:00:00.000000001Z"}
    made = await api.make("/admin/showtimes", body | times)
    assert (made["starts_at"], made["ends_at"]) == (START_SHOWN, END_SHOWN)
    assert made["on_sale_at"] == "2030-01-01T00:00:00Z"
    admin = await api.admin()
    replaced = await api.call("PUT", f"/admin/showtimes/{made['id']}", body | times, who=admin)
    assert (replaced.status, replaced.json["starts_at"]) == (200, START_SHOWN)
    later = {"starts_at": "2031-05-02T20:00:00.1234567Z", "ends_at": "2031-05-02T22:00:00.0000000Z"}
    batch = await api.call("POST", "/admin/showtimes/batch", {"showtimes": [body | later]}, who=admin)
    assert batch.status == 200, batch.text
    found = await api.call("GET", "/showtimes?from=2031-05-02T20:00:00.123456999Z&to=2031-05-02T20:00:00.123457Z")
    assert [item["starts_at"] for item in found.json["items"]] == ["2031-05-02T20:00:00.123456Z"]


async def test_an_api_key_ends_at_a_time_with_nanoseconds(api: Api) -> None:
    key = {"name": "K", "user_id": (await api.sign_up()).id, "scopes": ["booking"]}
    made = await api.make("/admin/api-keys", key | {"expires_at": "2100-01-01T00:00:00.123456789z"})
    assert made["expires_at"] == "2100-01-01T00:00:00.123456Z"


@pytest.mark.parametrize("path", LISTS)
async def test_a_filter_takes_nanoseconds_and_names_a_plus_that_became_a_space(api: Api, path: str) -> None:
    path, admin = path.format(movie=await api.movie()), await api.admin()
    for name in ("from", "to"):
        for text in ("2031-05-01T20:00:00.123456789Z", "2031-05-01t20:00:00.1234567%2B02:00", "2016-12-31%2023:59:60z"):
            answer = await api.call("GET", str(URL(f"{path}?{name}={text}", encoded=True)), who=admin)
            assert answer.status == 200, answer.text
        lost = await api.client.get(
            URL(f"{path}?{name}=2031-05-01T20:00:00+02:00", encoded=True), headers=admin.headers
        )
        problem = await lost.json()
        assert (lost.status, problem["code"]) == (422, "validation_error")
        assert problem["errors"][0]["pointer"] == f"/{name}"
        assert "%2B" in problem["errors"][0]["detail"]
        naive = await api.call("GET", f"{path}?{name}=2031-05-01T20:00:00", who=admin)
        assert (naive.status, naive.json["errors"][0]["detail"][:13]) == (422, "Has no offset")


async def test_a_page_begins_after_a_start_with_microseconds(api: Api) -> None:
    movie_id, (auditorium_id, _) = await api.movie(), await api.auditorium()
    for day in (1, 2, 3):
        times = {"starts_at": f"2031-05-0{day}T20:00:00.999999999Z", "ends_at": f"2031-05-0{day}T22:00:00Z"}
        await api.showtime(movie_id, auditorium_id, **times)
    seen, path = [], "/showtimes?limit=1"
    while path:
        page = (await api.call("GET", path)).json
        seen += [item["starts_at"] for item in page["items"]]
        path = page["next_cursor"] and f"/showtimes?limit=1&cursor={page['next_cursor']}"
    assert seen == [f"2031-05-0{day}T20:00:00.999999Z" for day in (1, 2, 3)]
