"""A write happens to what the writer has seen, or not at all: ETag, If-Match and If-None-Match."""

import asyncio
import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from multidict import CIMultiDict

from reservation.app import TABLES
from reservation.http.app_keys import API_KEYS
from tests.administered import (
    BOTH,
    KINDS,
    REMOVABLE,
    REPLACEABLE,
    Thing,
    api_key,
    auditorium,
    is_gone,
    movie,
    read,
    remove,
    replace,
    seat,
    showtime,
    user,
)
from tests.api import Answer, Api, Connection, slot

OPERATIONS = {(operation.method, operation.path): operation for table in TABLES for operation in table.operations}
WRITES = {
    (method, path) for method, path in OPERATIONS if path.startswith("/admin/") and method in ("PUT", "PATCH", "DELETE")
}


# The end of a path of a part of a resource, which is written under the ETag of the whole.
PART = re.compile(r"/(role|disabled|seats|blocks)$")


def refused(answer: Answer, status: int = 412, code: str = "precondition_failed") -> bool:
    assert (answer.status, answer.code) == (status, code), answer.text
    assert "ETag" not in answer.headers
    return True


async def untouched(api: Api, thing: Thing) -> bool:
    """Whether it still is as it was made."""
    return bool((await read(api, thing)).headers["ETag"] == thing.etag)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_etag_of_a_post_is_that_of_get(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    assert re.fullmatch(r'"[0-9a-f]{32}"', thing.etag)
    found = await read(api, thing)
    assert found.headers["ETag"] == thing.etag
    assert found.headers["Cache-Control"] == "no-store"
    head = await api.call("HEAD", thing.path, who=await api.admin())
    assert (head.status, head.headers["ETag"], head.text) == (200, thing.etag, "")


@pytest.mark.parametrize("kind", REPLACEABLE)
async def test_the_etag_of_a_put_is_that_of_get(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    replaced = await replace(api, thing)
    assert replaced.status == 200, replaced.text
    assert replaced.headers["ETag"] != thing.etag
    found = await read(api, thing)
    assert (found.json, found.headers["ETag"]) == (replaced.json, replaced.headers["ETag"])


@pytest.mark.parametrize("make", [movie, showtime])
async def test_public_and_administration_have_the_same_etag(api: Api, make: Any) -> None:
    thing = await make(api)
    path = thing.path.removeprefix("/admin")
    assert (await api.call("GET", path)).headers["ETag"] == thing.etag
    assert (await api.call("GET", path, headers={"If-None-Match": thing.etag})).status == 304


@pytest.mark.parametrize("kind", REPLACEABLE)
async def test_a_put_with_an_old_etag_is_412(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    first = await replace(api, thing, 0, If_Match=thing.etag)
    assert first.status == 200, first.text
    assert refused(await replace(api, thing, 1, If_Match=thing.etag))
    assert (await read(api, thing)).json == first.json
    again = await replace(api, thing, 1, If_Match=first.headers["ETag"])
    assert again.status == 200
    assert (await read(api, thing)).json == again.json != first.json


@pytest.mark.parametrize("kind", BOTH)
async def test_a_delete_with_an_old_etag_is_412(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    changed = await replace(api, thing)
    assert refused(await remove(api, thing, If_Match=thing.etag))
    assert (await read(api, thing)).json == changed.json
    gone = await remove(api, thing, If_Match=changed.headers["ETag"])
    assert (gone.status, gone.text) == (204, "")
    assert (await read(api, thing)).status == 404


@pytest.mark.parametrize("kind", REMOVABLE)
async def test_a_delete_with_the_current_etag_succeeds(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    for stale in ({"If_Match": '"other"'}, {"If_Match": f"W/{thing.etag}"}, {"If_None_Match": thing.etag}):
        assert refused(await remove(api, thing, **stale))
    assert refused(await remove(api, thing, If_Match="other"), 400, "malformed_request")
    assert await untouched(api, thing)
    gone = await remove(api, thing, If_Match=f'"other", {thing.etag}')
    assert (gone.status, gone.text) == (204, "")
    assert await is_gone(api, thing)


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_condition_the_last_writer_wins(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    for body in range(len(thing.bodies)):
        assert (await replace(api, thing, body)).status == 200
    if kind in REMOVABLE:
        assert (await remove(api, thing)).status == 204
        assert await is_gone(api, thing)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        (" * ", 200),
        ("{tag}", 200),
        ('"other", {tag}', 200),
        ('{tag},"other"', 200),
        (", ,{tag} ,\t,", 200),
        ('W/"other" , {tag}', 200),
        ('"a,b", {tag}', 200),
        ('"other"', 412),
        ('""', 412),
        ('"*"', 412),
        ("W/{tag}", 412),
        ('W/{tag}, "other"', 412),
        ('"é"', 412),
        ('", {tag}', 400),
        ("{bare}", 400),
        ("'{bare}'", 400),
        ('"{bare}', 400),
        ("w/{tag}", 400),
        ("W/ {tag}", 400),
        ('{tag} "other"', 400),
        ("{tag}; other", 400),
        ("*, {tag}", 400),
        ("**", 400),
        ('"a b"', 400),
        (",", 400),
        ("", 400),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_forms_of_if_match(shared_api: Api, method: str, header: str, status: int) -> None:
    thing = await movie(shared_api)
    sent = header.format(tag=thing.etag, bare=thing.etag.strip('"'))
    answer = await (replace if method == "PUT" else remove)(shared_api, thing, If_Match=sent)
    if status == 200:
        assert answer.status == {"PUT": 200, "DELETE": 204}[method], answer.text
    else:
        assert refused(answer, status, {400: "malformed_request", 412: "precondition_failed"}[status])
        assert await untouched(shared_api, thing)


async def test_if_match_may_have_several_lines(api: Api) -> None:
    thing = await movie(api)
    for first, second, status in (('"x"', '"y"', 412), ('"x"', thing.etag, 200)):
        headers = CIMultiDict({**(await api.admin()).headers, "If-Match": first})
        headers.add("If-Match", second)
        async with api.client.put(thing.put_path, json=thing.bodies[0], headers=headers) as response:
            assert response.status == status


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("header", ["*", '"other"'])
async def test_an_unknown_id_is_404_whatever_if_match_says(api: Api, kind: str, header: str) -> None:
    thing = await KINDS[kind](api)
    path = thing.put_path.replace(f"/{thing.id}", "/4711")
    writes = [("PUT", body) for body in thing.bodies[:1]] + [("DELETE", None)] * (kind in REMOVABLE)
    for method, body in writes:
        answer = await api.call(method, path, body, who=await api.admin(), headers={"If-Match": header})
        assert refused(answer, 404, "not_found")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caller_without_rights_is_403_whatever_if_match_says(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    sent = {"If-Match": '"other"'}
    method, body = ("PUT", thing.bodies[0]) if thing.bodies else ("DELETE", None)
    assert refused(await api.call(method, thing.put_path, body, headers=sent), 401, "not_authenticated")
    person = await api.sign_up()
    assert refused(await api.call(method, thing.put_path, body, who=person, headers=sent), 403, "forbidden")


@pytest.mark.parametrize("kind", KINDS)
async def test_if_none_match_with_the_current_etag_is_304(api: Api, kind: str) -> None:
    thing = await KINDS[kind](api)
    for known in (thing.etag, f"W/{thing.etag}", f'"other", {thing.etag}', "*"):
        unchanged = await read(api, thing, If_None_Match=known)
        assert (unchanged.status, unchanged.text, unchanged.headers["ETag"]) == (304, "", thing.etag), known
    for unknown in ('"other"', '"*"', thing.etag.strip('"'), "", f"{thing.etag} x"):
        assert (await read(api, thing, If_None_Match=unknown)).status == 200, unknown
    if thing.bodies:
        await replace(api, thing)
        assert (await read(api, thing, If_None_Match=thing.etag)).status == 200


async def test_an_unknown_id_is_never_304(api: Api) -> None:
    administered = (f"/admin/{things}/4711" for things in ("auditoriums", "users", "api-keys", "seats"))
    for path in ("/movies/4711", "/showtimes/4711", *administered):
        answer = await api.call("GET", path, who=await api.admin(), headers={"If-None-Match": "*"})
        assert refused(answer, 404, "not_found")


async def test_a_write_with_a_matching_if_none_match_is_412(api: Api) -> None:
    thing = await movie(api)
    for known in ("*", thing.etag, f"W/{thing.etag}"):
        assert refused(await replace(api, thing, If_None_Match=known))
        assert refused(await remove(api, thing, If_None_Match=known))
    assert refused(await replace(api, thing, If_Match=thing.etag, If_None_Match=thing.etag))
    assert refused(await replace(api, thing, If_None_Match="other"), 400, "malformed_request")
    assert await untouched(api, thing)
    assert (await replace(api, thing, If_Match=thing.etag, If_None_Match='"other"')).status == 200


@pytest.mark.parametrize("kind", REPLACEABLE)
async def test_every_write_changes_the_etag(api: Api, db: Connection, kind: str) -> None:
    """Not even the same ones, nor those of a server whose clock was put back."""
    thing = await KINDS[kind](api)
    await db.execute(f"update {thing.table} set updated_at = now() + interval '1 hour' where id = $1", thing.id)
    tags = {(await read(api, thing)).headers["ETag"]}
    times = [await db.fetchval(f"select updated_at from {thing.table} where id = $1", thing.id)]
    for _ in range(3):
        tags.add((await replace(api, thing)).headers["ETag"])
        times.append(await db.fetchval(f"select updated_at from {thing.table} where id = $1", thing.id))
    assert len(tags) == 4
    assert [later - earlier for earlier, later in pairwise(times)] == [timedelta(microseconds=1)] * 3


async def test_a_showtimes_etag_changes_with_movie_title_and_auditorium_name(api: Api) -> None:
    cinema = await api.cinema()
    path = f"/showtimes/{cinema.showtime_id}"
    tag = (await api.call("GET", path)).headers["ETag"]
    for renamed, body in (
        (f"/admin/movies/{cinema.movie_id}", {"title": "Another", "duration_minutes": 90}),
        (f"/admin/auditoriums/{cinema.auditorium_id}", {"name": "Another", "capacity": 50}),
    ):
        assert (await api.call("PUT", renamed, body, who=await api.admin())).status == 200
        changed = await api.call("GET", path, headers={"If-None-Match": tag})
        assert changed.status == 200
        tag = changed.headers["ETag"]


async def test_new_seats_change_the_auditoriums_etag(api: Api) -> None:
    room = await auditorium(api)
    admin = await api.admin()
    batch = {"rows": 1, "seats_per_row": 2}
    made = await api.call("POST", f"{room.path}/seats/batch", batch, who=admin)
    assert made.status == 201
    assert refused(await remove(api, room, If_Match=room.etag))
    seen = await read(api, room)
    assert seen.json["updated_at"] > seen.json["created_at"]
    [seat, other] = [seat["id"] for seat in made.json["seats"]]
    assert (await api.call("DELETE", f"/admin/seats/{seat}", who=admin)).status == 204
    assert refused(await remove(api, room, If_Match=seen.headers["ETag"]))
    seats = await api.call("GET", f"{room.path}/seats", who=admin)
    assert [seat["id"] for seat in seats.json["items"]] == [other]
    seen = await read(api, room)
    too_many = {"rows": 50, "seats_per_row": 2}
    assert (await api.call("POST", f"{room.path}/seats/batch", too_many, who=admin)).status == 409
    assert (await remove(api, room, If_Match=seen.headers["ETag"])).status == 204


async def test_a_conflict_is_409_with_the_current_etag(api: Api) -> None:
    cinema = await api.cinema()
    admin = await api.admin()
    for path in (f"/admin/movies/{cinema.movie_id}", f"/admin/auditoriums/{cinema.auditorium_id}"):
        tag = (await api.call("GET", path, who=admin)).headers["ETag"]
        in_use = await api.call("DELETE", path, who=admin, headers={"If-Match": tag})
        assert refused(in_use, 409, "in_use")
        assert refused(await api.call("DELETE", path, who=admin, headers={"If-Match": '"other"'}))
    path = f"/admin/users/{admin.id}"
    tag = (await api.call("GET", path, who=admin)).headers["ETag"]
    last = await api.call("PUT", f"{path}/role", {"role": "user"}, who=admin, headers={"If-Match": tag})
    assert refused(last, 409, "last_admin")


async def test_a_412_leaves_the_seat_map_unchanged(api: Api) -> None:
    cinema = await api.cinema()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    before = await api.call("GET", path)
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "99.00"} | slot(24)
    admin_path = f"/admin/showtimes/{cinema.showtime_id}"
    answer = await api.call("PUT", admin_path, body, who=await api.admin(), headers={"If-Match": '"other"'})
    assert refused(answer)
    assert (await api.call("GET", path, headers={"If-None-Match": before.headers["ETag"]})).status == 304


async def test_an_account_is_disabled_only_as_the_writer_has_seen_it(api: Api) -> None:
    admin, customer = await api.admin(), await user(api)
    path = f"/admin/users/{customer.id}"
    tag = (await api.call("GET", path, who=admin)).headers["ETag"]
    seen = {"If-Match": tag}
    disabled = await api.call("PUT", f"{path}/disabled", {"disabled": True}, who=admin, headers=seen)
    assert (disabled.status, disabled.json["disabled"]) == (200, True)
    assert refused(await api.call("PUT", f"{path}/disabled", {"disabled": False}, who=admin, headers=seen))
    found = await api.call("GET", path, who=admin)
    assert (found.json["disabled"], found.headers["ETag"]) == (True, disabled.headers["ETag"])


async def test_a_role_changed_back_has_another_etag(api: Api) -> None:
    thing = await user(api)
    for body in (0, 1):
        assert (await replace(api, thing, body)).status == 200
    assert refused(await replace(api, thing, If_Match=thing.etag))


async def test_racing_seats_and_removals_of_their_room_do_not_deadlock(api: Api) -> None:
    for _ in range(5):
        room_id, seat_ids = await api.auditorium(1, 4)
        admin = await api.admin()
        answers = await asyncio.gather(
            *(api.call("DELETE", f"/admin/seats/{seat}", who=admin) for seat in seat_ids),
            api.call("DELETE", f"/admin/auditoriums/{room_id}", who=admin),
        )
        assert {answer.status for answer in answers} <= {204, 404}
        assert answers[-1].status == 204


async def test_a_revoked_api_key_has_another_etag(api: Api) -> None:
    thing = await api_key(api)
    assert (await remove(api, thing, If_Match=thing.etag)).status == 204
    revoked = await read(api, thing, If_None_Match=thing.etag)
    assert revoked.status == 200
    assert refused(await remove(api, thing, If_Match=thing.etag))
    for _ in range(2):  # again changes nothing
        assert (await remove(api, thing, If_Match=revoked.headers["ETag"])).status == 204
    assert (await read(api, thing)).headers["ETag"] == revoked.headers["ETag"]


async def test_the_use_of_an_api_key_keeps_its_etag(api: Api) -> None:
    """Otherwise a key in use could hardly be revoked with If-Match."""
    body = {"name": "Kiosk", "user_id": (await api.admin()).id, "scopes": ["booking"]}
    made = await api.call("POST", "/admin/api-keys", body, who=await api.admin())
    sent = {"Authorization": f"Bearer {made.json['key']}"}
    assert (await api.call("GET", "/reservations", headers=sent)).status == 200
    server: Any = api.client.server
    await server.app[API_KEYS].verifier.write_last_used()
    path, tag = made.headers["Location"], made.headers["ETag"]
    found = await api.call("GET", path, who=await api.admin())
    assert (found.json["last_used_at"] is None, found.headers["ETag"]) == (False, tag)
    gone = await api.call("DELETE", path, who=await api.admin(), headers={"If-Match": tag})
    assert gone.status == 204


async def test_a_seat_equals_its_list_item(api: Api) -> None:
    room_id, seat_ids = await api.auditorium(1, 2)
    seats = (await api.call("GET", f"/admin/auditoriums/{room_id}/seats", who=await api.admin())).json["items"]
    for seat_id, listed in zip(seat_ids, seats, strict=True):
        assert (await api.call("GET", f"/admin/seats/{seat_id}", who=await api.admin())).json == listed


async def test_a_refused_delete_of_a_seat_keeps_the_auditoriums_etag(api: Api) -> None:
    thing = await seat(api)
    room = f"/admin/auditoriums/{(await read(api, thing)).json['auditorium_id']}"
    before = await api.call("GET", room, who=await api.admin())
    assert refused(await remove(api, thing, If_Match='"other"'))
    assert (await api.call("GET", room, who=await api.admin())).headers["ETag"] == before.headers["ETag"]


def test_every_put_and_delete_is_conditional() -> None:
    assert {name for name in WRITES if not OPERATIONS[name].is_conditional} == set()
    for _, path in WRITES:
        assert OPERATIONS["GET", PART.sub("", path)].etag  # where to learn what to send


async def test_every_conditional_operation_is_tested(api: Api) -> None:
    writes = set()
    for kind, make in KINDS.items():
        thing = await make(api)
        path = thing.put_path.replace(f"/{thing.id}", "/*")
        writes |= {("PUT", path)} if kind in REPLACEABLE else set()
        writes |= {("DELETE", path)} if kind in REMOVABLE else set()
    # Of tests of their own.
    writes |= {("PUT", "/admin/auditoriums/*/seats"), ("DELETE", "/admin/showtimes/*/blocks")}
    writes |= {("PUT", "/admin/users/*/disabled")}
    assert {(method, re.sub(r"\{\w+\}", "*", path)) for method, path in WRITES} == writes


async def test_the_document_has_if_match_and_412(api: Api) -> None:
    paths = (await api.call("GET", "/openapi.json")).json["paths"]
    for method, path in WRITES:
        described = paths[path][method.lower()]
        assert "If-Match" in {parameter["name"] for parameter in described["parameters"]}
        assert described["responses"]["412"]["$ref"].endswith("/PreconditionFailedProblem")
        assert "304" not in described["responses"]
        assert ("ETag" in described["responses"].get("200", {}).get("headers", {})) is (method == "PUT")
    assert "If-None-Match" in {parameter["name"] for parameter in paths["/movies/{movie_id}"]["get"]["parameters"]}
