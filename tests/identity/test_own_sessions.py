"""Everybody sees their own login sessions and can end each of them."""

from tests.api import Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.caches import session_id_of


async def sessions(api: Api, who: Person) -> dict[str, bool]:
    """The ids of the sessions, newest first, and whether it is that of the request."""
    answer = await api.call("GET", "/auth/sessions", who=who)
    assert answer.status == 200, answer.text
    return {session["id"]: session["current"] for session in answer.json["items"]}


async def status(api: Api, who: Person) -> int:
    return (await api.call("GET", "/auth/me", who=who)).status


async def test_the_own_sessions_are_listed_newest_first_and_nobody_elses(api: Api) -> None:
    first = await api.sign_up()
    second = await api.log_in(first.id, first.email)
    await api.sign_up()

    assert await sessions(api, first) == {str(session_id_of(second)): False, str(session_id_of(first)): True}
    assert [*await sessions(api, second)] == [str(session_id_of(second)), str(session_id_of(first))]


async def test_a_session_tells_when_it_was_refreshed(api: Api) -> None:
    person = await api.sign_up()
    [before] = (await api.call("GET", "/auth/sessions", who=person)).json["items"]
    await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    [after] = (await api.call("GET", "/auth/sessions", who=person)).json["items"]

    assert before["refreshed_at"] is None
    assert after["refreshed_at"] >= after["created_at"] == before["created_at"]


async def test_a_page_continues_where_the_one_before_ended(api: Api) -> None:
    person = await api.sign_up()
    people = [await api.log_in(person.id, person.email) for _ in range(4)]
    found, path = [], "/auth/sessions?limit=2"
    while path:
        page = (await api.call("GET", path, who=person)).json
        found += [session["id"] for session in page["items"]]
        path = page["next_cursor"] and f"/auth/sessions?limit=2&cursor={page['next_cursor']}"
    assert found == [str(session_id_of(each)) for each in reversed([person, *people])]


async def test_an_ended_session_is_refused_at_once_and_the_others_go_on(api: Api) -> None:
    person = await api.sign_up()
    other = await api.log_in(person.id, person.email)
    assert await status(api, other) == 200
    path = f"/auth/sessions/{session_id_of(other)}"

    assert (await api.call("DELETE", path, who=person)).status == 204

    assert await status(api, other) == 401
    assert (await api.call("POST", "/auth/refresh", {"refresh_token": other.refresh_token})).status == 401
    assert await sessions(api, person) == {str(session_id_of(person)): True}
    assert (await api.call("DELETE", path, who=person)).status == 404


async def test_nobody_ends_a_session_of_somebody_else(api: Api) -> None:
    person, other = await api.sign_up(), await api.sign_up()
    assert (await api.call("DELETE", f"/auth/sessions/{session_id_of(other)}", who=person)).status == 404
    assert await status(api, other) == 200


async def test_the_current_session_can_be_ended(api: Api) -> None:
    person = await api.sign_up()
    assert (await api.call("DELETE", f"/auth/sessions/{session_id_of(person)}", who=person)).status == 204
    assert await status(api, person) == 401


async def test_all_sessions_end_at_once_and_nobody_elses(api: Api) -> None:
    person, other = await api.sign_up(), await api.sign_up()
    elsewhere = await api.log_in(person.id, person.email)
    assert [await status(api, who) for who in (person, elsewhere, other)] == [200, 200, 200]

    assert (await api.call("DELETE", "/auth/sessions", who=person)).status == 204

    assert [await status(api, who) for who in (person, elsewhere, other)] == [401, 401, 200]
    for who in (person, elsewhere):
        assert (await api.call("POST", "/auth/refresh", {"refresh_token": who.refresh_token})).status == 401


async def test_a_session_ends_after_its_longest_life_however_often_it_is_refreshed(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api(SESSION_MAX_DAYS="10", REFRESH_TOKEN_EXPIRE_DAYS="7")
    person, token = await api.sign_up(), ""
    for days in (0, 5, 4):  # it has nine days then, and one more
        await db.execute("update login_sessions set created_at = created_at - $1 * interval '1 day'", days)
        answer = await api.call("POST", "/auth/refresh", {"refresh_token": token or person.refresh_token})
        token = answer.json["refresh_token"]
    assert await db.fetchval("select expires_at = created_at + interval '10 days' from login_sessions")

    await db.execute(
        "update login_sessions set (created_at, expires_at)"
        " = (created_at - interval '1 day', expires_at - interval '1 day')"
    )

    late = await api.call("POST", "/auth/refresh", {"refresh_token": token})
    assert (late.status, late.code) == (401, "invalid_token")


async def test_a_refresh_token_lives_no_longer_than_its_session(start_api: StartApi, db: Connection) -> None:
    api = await start_api(SESSION_MAX_DAYS="1", REFRESH_TOKEN_EXPIRE_DAYS="7")
    await api.sign_up()
    assert await db.fetchval("select expires_at = created_at + interval '1 day' from login_sessions")
