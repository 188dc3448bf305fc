"""A request that PostgreSQL has undone is carried out again; one that cannot be done is 503 and not 500."""

import pytest

from tests.api import Api, Connection, slot

# Fails the first `times` updates of a film; a sequence counts them, since it is not rolled back.
FAIL = """
create sequence tries;
create function fail() returns trigger language plpgsql as $$
begin
    if nextval('tries') <= {times} then
        raise exception using errcode = '{code}', message = 'of the test';
    end if;
    return new;
end
$$;
create trigger fail before update on movies for each row execute function fail();
"""


async def put_movie(api: Api, db: Connection, code: str, times: int) -> tuple[int, str | None, str]:
    """Replace a film while its updates fail so many times; gives status, problem and the film's title afterwards."""
    movie_id, admin = await api.movie(), await api.admin()
    await db.execute(FAIL.format(code=code, times=times))
    body = {"title": "B", "duration_minutes": 91}
    answer = await api.call("PUT", f"/admin/movies/{movie_id}", body, who=admin)
    logged = await db.fetchval("select count(*) from change_log where subject = $1", f"movie/{movie_id}")
    assert logged == (2 if answer.status == 200 else 1)  # that it was created, and the one change
    return answer.status, answer.code, await db.fetchval("select title from movies where id = $1", movie_id)


@pytest.mark.parametrize("code", ["40P01", "40001"], ids=["deadlock", "serialization failure"])
async def test_a_request_that_was_undone_twice_is_carried_out_once(api: Api, db: Connection, code: str) -> None:
    assert await put_movie(api, db, code, 2) == (200, None, "B")
    assert await db.fetchval("select last_value from tries") == 3


async def test_a_hold_that_was_undone_is_carried_out_with_the_body_that_it_had(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    await db.execute(FAIL.format(code="40P01", times=3).replace("update on movies", "insert on reservations"))

    made = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])

    assert (made.status, made.code) == (201, None)
    assert await db.fetchval("select last_value from tries") == 4
    assert await db.fetchval("select count(*) from reservations") == 1


async def test_a_request_that_is_undone_each_time_is_503(api: Api, db: Connection) -> None:
    assert await put_movie(api, db, "40P01", 1000) == (503, "database_unavailable", "A Film")
    assert await db.fetchval("select last_value from tries") == 3


async def test_a_request_that_fails_for_another_reason_is_not_repeated(api: Api, db: Connection) -> None:
    assert await put_movie(api, db, "22012", 1) == (500, "internal_error", "A Film")
    assert await db.fetchval("select last_value from tries") == 1


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        ("alter table movies rename description to text", "alter table movies rename text to description"),
        ("alter table movies rename to films", "alter table films rename to movies"),
        (
            "alter function fold_texts(text[]) rename to other",
            "alter function other(text[]) rename to fold_texts",
        ),
    ],
    ids=["column", "table", "function"],
)
async def test_what_a_statement_needs_and_lacks_is_503_until_it_is_there(
    lost: str, found: str, api: Api, db: Connection
) -> None:
    await api.movie(genre="Drama")
    path = "/movies?genre=drama"
    assert len((await api.call("GET", path)).json["items"]) == 1
    await db.execute(lost)
    refused = await api.call("GET", path)
    assert (refused.status, refused.code) == (503, "database_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    await db.execute(found)
    assert len((await api.call("GET", path)).json["items"]) == 1


async def test_a_request_that_has_committed_is_not_repeated_when_a_later_reading_fails(
    api: Api, db: Connection
) -> None:
    """A second try would be refused for the showtime that the first has made."""
    cinema, admin = await api.cinema(), await api.admin()
    body = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "10.00", **slot(48)}
    before = await db.fetchval("select count(*) from showtimes")
    await db.execute("alter table showtime_availability rename to other")  # which is read for the answer

    answer = await api.call("POST", "/admin/showtimes", body, who=admin)

    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert await db.fetchval("select count(*) from showtimes") == before + 1
