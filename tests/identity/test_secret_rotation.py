"""JWT_SECRET is changed in three steps, worker by worker, and no session is lost."""

import pytest

from tests.api import Api, Person
from tests.conftest import SECRET, StartApi

NEW = "another-secret-of-the-tests-that-is-long"


async def works(api: Api, person: Person) -> Person:
    """The session with its next pair of tokens, after its tokens were accepted."""
    assert (await api.call("GET", "/auth/me", who=person)).status == 200
    answer = await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    assert answer.status == 200, answer.text
    return Person(person.id, person.email, answer.json["access_token"], answer.json["refresh_token"])


async def test_a_rotation_worker_by_worker_loses_no_session(start_api: StartApi) -> None:
    workers = [await start_api(), await start_api()]
    people = [await workers[0].sign_up(), await workers[1].sign_up()]
    # Each worker restarts with the next setting while the other still has the one before.
    for setting in (f"{SECRET},{NEW}", f"{NEW}, {SECRET}", NEW):
        for restarted in (0, 1):
            workers[restarted] = await start_api(JWT_SECRET=setting)
            people.append(await workers[restarted].sign_up())
            for worker in (workers[restarted], workers[1 - restarted]):
                people = [await works(worker, person) for person in people]


@pytest.mark.parametrize("setting", [NEW, f"{NEW},{NEW[::-1]}"])
async def test_a_token_of_a_secret_that_is_not_in_the_list_is_401(start_api: StartApi, setting: str) -> None:
    person = await (await start_api()).sign_up()
    api = await start_api(JWT_SECRET=setting)
    assert (await api.call("GET", "/auth/me", who=person)).status == 401
    assert (await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})).status == 401


async def test_the_first_secret_signs(start_api: StartApi) -> None:
    both, new = await start_api(JWT_SECRET=f"{NEW},{SECRET}"), await start_api(JWT_SECRET=NEW)
    assert (await new.call("GET", "/auth/me", who=await both.sign_up())).status == 200
