"""Import and export: an export can be imported unchanged, and faults are named by their lines."""

import asyncio
import csv
import io
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from unicodedata import normalize

import asyncpg
import psycopg
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings as hypothesis, strategies as st

from reservation.catalog.bulk import csv_rows, exports, imports, showtime_imports
from reservation.catalog.bulk.csv_rows import Faults
from reservation.catalog.bulk.imports import Imported
from reservation.catalog.bulk.showtime_imports import ShowtimeRow, write_showtimes
from reservation.commands.expected_errors import EXPECTED
from reservation.commands.main import commands
from reservation.db.pool import Database
from reservation.db.pool_options import pool_options
from reservation.db.repository import bulk
from reservation.db.repository.showtimes import ShowtimeInput
from reservation.runtime.fields import CONTROL, CONTROL_IN_LINES
from reservation.settings import Settings
from tests.api import Api, Connection, slot
from tests.conftest import SECRET

Run: TypeAlias = Callable[..., Result]
Rows: TypeAlias = list[tuple[Any, ...]]

PACKAGE = Path(__file__).parents[2]
FILM_COLUMNS = (
    "title, description, duration_minutes, poster_url, genres, age_rating, release_date, original_language, director,"
    " waiting_room"
)
MOVIES_SQL = f"select {FILM_COLUMNS} from movies order by id"
SHOWTIMES_SQL = (
    "select id, movie_id, auditorium_id, starts_at, ends_at, base_price, format, audio_language, subtitle_language,"
    " on_sale_at, sales_end_at, waiting_room from showtimes order by id"
)
START = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def run(database_url: str, redis_url: str) -> Run:
    """Runs a command as the shell would, with bytes for standard input."""

    def command(*words: str, given: bytes | str = b"", **env: str) -> Result:
        stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
        result = CliRunner().invoke(commands, words, input=given, env=stores | env)
        if result.exception is not None and not isinstance(result.exception, (SystemExit, *EXPECTED)):
            raise result.exception
        return result

    return command


@pytest.fixture
def look(database_url: str) -> Callable[[str], Rows]:
    def rows(query: str) -> Rows:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    return rows


Look: TypeAlias = Callable[[str], Rows]


@pytest.fixture
def cinema(look: Look) -> Look:
    """Two movies of one title and a third, two auditoriums, and a showtime in the first of them."""
    look("insert into movies (title, duration_minutes) values ('Solaris', 100), ('Solaris', 110), ('Stalker', 120)")
    look("insert into auditoriums (name, capacity) values ('One', 10), ('Two', 10)")
    look(f"""
        insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
        select 3, 1, t, t + interval '2 hours', t + interval '2 hours', 9 from (values (timestamptz '{START}')) v (t)
    """)
    return look


def showtime(hour: float, length: float = 2, **cells: object) -> dict[str, object]:
    """A row of a file, in auditorium 1 by default."""
    starts_at, ends_at = START + timedelta(hours=hour), START + timedelta(hours=hour + length)
    row = {"movie_title": "Stalker", "auditorium_id": 1, "base_price": "8.00"}
    return row | {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()} | cells


def table(rows: Sequence[dict[str, object]]) -> bytes:
    """Rows as CSV, with the columns that any of them has."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def said(result: Result) -> list[str]:
    """The messages about rows."""
    return [line for line in result.stderr.splitlines() if line.startswith("line ")]


# Round trips

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.text(st.sampled_from(",\"\r\n\t;'\\ =+-@|\ufeffé日\U0001f3ac"), max_size=12),
)
DETAILS = {
    "format": "IMAX, 3D",
    "audio_language": "en",
    "subtitle_language": "de",
    "on_sale_at": "2030-01-01T00:00:00Z",
    "sales_end_at": "2031-01-01T00:30:00Z",
    "waiting_room": "true",
}
LINES = TEXT.map(lambda text: normalize("NFC", CONTROL_IN_LINES.sub("", text.replace("\r", "\n"))).strip())
FILLED = TEXT.map(lambda text: normalize("NFC", CONTROL.sub("", text)).strip()).filter(bool)
FILM = st.tuples(
    FILLED,
    LINES,
    st.integers(1, 1440),
    st.none()
    | st.sampled_from(['https://example.com/a,b"c?d=é', "http://example.com/"]).filter(lambda url: '"' not in url),
    st.lists(FILLED, max_size=3),
    st.none() | st.just("PG-13"),
    st.none() | st.dates(date(1880, 1, 2), date(2199, 12, 31)),
    st.none() | st.sampled_from(["en", "pt-BR"]),
    st.none() | FILLED,
    st.booleans(),
)


@hypothesis(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(films=st.lists(FILM, min_size=1, max_size=5))
def test_an_export_of_movies_can_be_imported_elsewhere(
    run: Run, database_url: str, films: list[tuple[Any, ...]]
) -> None:
    """Into the same database, where all rows are unchanged, and into an empty one."""
    insert = f"insert into movies ({FILM_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("truncate movies cascade")
        connection.cursor().executemany(insert, films)
        exported = run("export", "movies").stdout_bytes
        assert run("import", "movies", given=exported).stdout == f"0 new, 0 replaced, {len(films)} as they were\n"
        connection.execute("update movies set title = 'x', description = 'x', genres = '{x}', poster_url = null")
        again = run("import", "movies", "-", given=exported)
        assert again.exit_code == 0, again.output
        assert connection.execute(MOVIES_SQL).fetchall() == films
        without = run("export", "movies", "--no-ids").stdout_bytes
        connection.execute("truncate movies cascade")
        assert run("import", "movies", given=without).stdout == f"{len(films)} new, 0 replaced, 0 as they were\n"
        assert connection.execute(MOVIES_SQL).fetchall() == films


def test_an_export_of_showtimes_can_be_imported_elsewhere(run: Run, cinema: Look) -> None:
    given = [showtime(2 + 2 * n, 2, base_price=f"{n}.0{n % 10}") for n in range(60)]
    given += [showtime(0, 1.000_001, auditorium_id=2, movie_title="", movie_id=2, **DETAILS)]
    assert run("import", "showtimes", given=table(given)).stdout == "61 new, 0 replaced, 0 as they were\n"
    before = cinema(SHOWTIMES_SQL)
    exported = run("export", "showtimes").stdout_bytes
    assert run("import", "showtimes", given=exported).stdout == "0 new, 0 replaced, 62 as they were\n"

    cinema("update showtimes set base_price = 1, movie_id = 1, format = 'x', on_sale_at = null")
    assert run("import", "showtimes", given=exported).stdout == "0 new, 62 replaced, 0 as they were\n"
    assert cinema(SHOWTIMES_SQL) == before

    cinema("update movies set title = 'Solaris (1972)' where id = 1")  # else a title would not say which one
    without = run("export", "showtimes", "--no-ids").stdout_bytes
    cinema("truncate showtimes restart identity cascade")
    assert run("import", "showtimes", given=without).stdout == "62 new, 0 replaced, 0 as they were\n"
    assert sorted(row[1:] for row in cinema(SHOWTIMES_SQL)) == sorted(row[1:] for row in before)


def test_an_export_reads_page_by_page(run: Run, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 7)
    look("insert into movies (title, duration_minutes) select 'Film ' || n, 90 from generate_series(1, 40) as n")
    rows = list(csv.DictReader(io.StringIO(run("export", "movies").stdout)))
    assert [row["title"] for row in rows] == [f"Film {n}" for n in range(1, 41)]


def test_an_import_writes_chunk_by_chunk(run: Run, cinema: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """A showtime that overlaps one of an earlier chunk is named by its line, and all chunks are rolled back."""
    monkeypatch.setattr(imports, "CHUNK", 2)
    rows = [showtime(hour) for hour in (10, 12, 14, 16, 18, 11)]
    result = run("import", "showtimes", given=table(rows))
    assert (result.exit_code, said(result)) == (1, ["line 7: The showtime of line 2 has the auditorium at that time."])
    assert len(cinema(SHOWTIMES_SQL)) == 1
    assert run("import", "showtimes", given=table(rows[:5])).exit_code == 0
    assert len(cinema(SHOWTIMES_SQL)) == 6


def test_from_and_to_limit_the_exported_showtimes(run: Run, cinema: Look) -> None:
    run("import", "showtimes", given=table([showtime(24 * day) for day in range(1, 5)]))

    def days(*words: str) -> list[str]:
        rows = csv.DictReader(io.StringIO(run("export", "showtimes", *words).stdout))
        return [row["starts_at"][8:10] for row in rows]

    assert days("--from", "2031-01-02", "--to", "2031-01-04") == ["02", "03"]
    assert days("--from", "2031-01-04T00:00:01Z") == ["05"]
    assert days("--to", "2031-01-02T00:00:00+01:00") == ["01"]
    assert run("export", "showtimes", "--from", "yesterday").exit_code == 2
    assert run("export", "showtimes", "--from", "2031-01-04", "--to", "2031-01-02").exit_code == 2


def test_a_movie_file_is_written_and_read_by_its_name(run: Run, cinema: Look, tmp_path: Path) -> None:
    path = str(tmp_path / "movies.csv")
    assert run("export", "movies", path).stdout == ""
    assert run("import", "movies", path).stdout == "0 new, 0 replaced, 3 as they were\n"
    assert run("import", "movies", str(tmp_path / "none.csv")).exit_code == 2


# Movies


def test_movies_with_an_id_are_replaced_and_others_inserted(run: Run, cinema: Look) -> None:
    given = "\ufeffduration_minutes,title,id,genre\r\n90,Mirror,,Drama\r\n\r\n166,Solaris,1,\r\n"
    assert run("import", "movies", given=given).stdout == "1 new, 1 replaced, 0 as they were\n"
    assert cinema("select id, title, duration_minutes, genre from movies order by id") == [
        (1, "Solaris", 166, None),
        (2, "Solaris", 110, None),
        (3, "Stalker", 120, None),
        (4, "Mirror", 90, "Drama"),
    ]


BAD_MOVIES = (
    "id,title,duration_minutes,poster_url\n"
    ',"Two lines\n",90,\n'  # lines 2 and 3
    ",,90,\n"
    ",Long,1441,nowhere\n"
    "4711,Unknown,90,\n"
    "1,Solaris,x,\n"
    "1,Solaris,90,\n"
    "x,Solaris,90,\n"
    ",Short,90\n"
    ",Nul\0,90,\n"
)


def test_faults_are_printed_by_line_and_nothing_is_imported(run: Run, cinema: Look) -> None:
    before = cinema(MOVIES_SQL)
    result = run("import", "movies", given=BAD_MOVIES)
    assert result.exit_code == 1
    lines = said(result)
    assert [line.rpartition(": ")[0] for line in lines] == [
        "line 4: title",
        "line 5: duration_minutes",
        "line 5: poster_url",
        "line 6: id",
        "line 7: duration_minutes",
        "line 8: id",
        "line 9: id",
        "line 10",
        "line 11: title",
    ]
    assert "8 rows at fault: nothing was imported" in result.stderr
    assert result.stdout == ""
    assert cinema(MOVIES_SQL) == before


def test_skip_errors_imports_the_valid_rows(run: Run, cinema: Look) -> None:
    result = run("import", "movies", "--skip-errors", given=BAD_MOVIES)
    assert (result.exit_code, result.stdout) == (1, "1 new, 0 replaced, 0 as they were\n")
    assert len(said(result)) == 9
    assert [row[0] for row in cinema(MOVIES_SQL)] == ["Solaris", "Solaris", "Stalker", "Two lines"]


def test_at_most_max_faults_are_printed(run: Run, look: Look) -> None:
    result = run("import", "movies", given="title,duration_minutes\n" + ",90\n" * 250)
    assert len(said(result)) == csv_rows.MAX_FAULTS
    assert "and 150 more" in result.stderr


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (b"", "line 1: a header is needed"),
        (b"title\nA\n", "the column duration_minutes is missing"),
        (b"title,duration_minutes,rating\n", "'rating' is not one of the columns"),
        (b"title,title,duration_minutes\n", "the column title is there twice"),
        (b"title,duration_minutes\n\xff,90\n", "not in UTF-8"),
        (b'title,duration_minutes\n"A,90\n', "line 2: unexpected end of data"),
        (b'title,duration_minutes\nA,90\n\n"B,90\nC,90\nD,90\n', "line 4: unexpected end of data"),
        (b'title,duration_minutes\n"A"B,90\n', "line 2: "),
        (b"title,duration_minutes\n" + b"a" * 200_000 + b",90\n", "line 2: field larger than field limit"),
    ],
)
def test_a_file_that_is_no_csv_file_of_movies_is_refused(run: Run, look: Look, given: bytes, why: str) -> None:
    for words in ((), ("--skip-errors",)):
        result = run("import", "movies", *words, given=given)
        assert result.exit_code == 1
        assert why in str(result.exception)
    assert look(MOVIES_SQL) == []


def test_a_file_with_too_many_rows_is_refused(run: Run, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 3)
    assert run("import", "movies", given="title,duration_minutes\n" + "A,90\n" * 3).exit_code == 0
    result = run("import", "movies", given="title,duration_minutes\n" + "A,90\n" * 4)
    assert "line 5: more than 3 rows" in str(result.exception)


def test_too_many_changes_of_auditoriums_are_refused(run: Run, cinema: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showtime_imports, "MAX_CHANGED", 1)
    run("import", "showtimes", given=table([showtime(2), showtime(4)]))
    before = cinema(SHOWTIMES_SQL)
    rows = [showtime(2 * number, id=number + 1, auditorium_id=2, base_price="7.77") for number in range(3)]
    result = run("import", "showtimes", "--skip-errors", given=table(rows[1:]))
    assert "more than 1 showtimes would change their film, auditorium or time" in str(result.exception)
    assert cinema(SHOWTIMES_SQL) == before
    assert run("import", "showtimes", given=table(rows[:1])).exit_code == 0
    rows = [showtime(2 * number, id=number + 1, base_price="7.77") for number in range(1, 3)]
    assert run("import", "showtimes", given=table(rows)).exit_code == 0


# Showtimes


def test_a_row_without_waiting_room_takes_the_value_of_its_movie(run: Run, cinema: Look) -> None:
    """A new one and one that replaces another; equal ones are then as they were."""
    cinema("update movies set waiting_room = true where id = 3")
    blank, own = showtime(10), showtime(12, waiting_room="FALSE")
    given = [showtime(0, id=1, base_price="9.00"), blank, own, showtime(14, movie_title="", movie_id=2)]
    assert run("import", "showtimes", given=table(given)).stdout == "3 new, 1 replaced, 0 as they were\n"
    rows = cinema("select waiting_room from showtimes order by starts_at")
    assert rows == [(True,), (True,), (False,), (False,)]
    assert run("import", "showtimes", given=table(given[:1])).stdout == "0 new, 0 replaced, 1 as they were\n"
    wrong = run("import", "showtimes", given=table([showtime(20, waiting_room="perhaps")]))
    assert said(wrong) == ["line 2: waiting_room: Not a valid boolean."]


def test_a_time_takes_any_number_of_fraction_digits(run: Run, cinema: Look) -> None:
    row = showtime(2, starts_at="2031-05-01t20:00:00.123456999+02:00", ends_at="2031-05-01 21:00:00.9999999z")
    result = run("import", "showtimes", given=table([row]))
    assert result.exit_code == 0, said(result)
    starts_at, ends_at = cinema("select starts_at, ends_at from showtimes order by id desc limit 1")[0]
    assert (starts_at, ends_at) == (
        datetime(2031, 5, 1, 18, 0, 0, 123_456, UTC),
        datetime(2031, 5, 1, 21, 0, 0, 999_999, UTC),
    )


def test_movies_and_auditoriums_are_found_by_id_or_name(run: Run, cinema: Look) -> None:
    rows = [
        showtime(10),
        showtime(12, movie_title="", movie_id=2),
        showtime(14, movie_title="Solaris", movie_id=1),
        showtime(16, auditorium_id="", auditorium_name="Two"),
        showtime(18, movie_title="Solaris"),
        showtime(20, movie_title="Unheard of"),
        showtime(22, movie_title="Stalker", movie_id=1),
        showtime(24, movie_title="", movie_id=4711),
        showtime(26, movie_title=""),
        showtime(28, movie_id="x"),
        showtime(30, auditorium_id="", auditorium_name="Three"),
        showtime(32, auditorium_id=2**63),
    ]
    result = run("import", "showtimes", "--skip-errors", given=table(rows))
    assert (result.exit_code, result.stdout) == (1, "4 new, 0 replaced, 0 as they were\n")
    assert [line.split(": ")[:2] for line in said(result)] == [
        ["line 6", "movie_title"],
        ["line 7", "movie_title"],
        ["line 8", "movie_title"],
        ["line 9", "movie_id"],
        ["line 10", "movie_id"],
        ["line 11", "movie_id"],
        ["line 12", "auditorium_name"],
        ["line 13", "auditorium_id"],
    ]
    assert cinema("select movie_id, auditorium_id from showtimes where id > 1 order by starts_at") == [
        *((3, 1), (2, 1), (1, 1), (3, 2)),
    ]


def test_showtimes_are_validated_like_requests(run: Run, cinema: Look) -> None:
    rows = [
        showtime(1),
        showtime(10, 0),
        showtime(12, base_price="1.234"),
        showtime(14, starts_at="2031-01-01T14:00"),
        showtime(16, id=4711),
    ]
    result = run("import", "showtimes", given=table(rows))
    assert said(result) == [
        "line 2: Showtime 1 has the auditorium at that time.",
        "line 3: ends_at: Must be later than starts_at.",
        "line 4: base_price: Must not have more than two decimal places.",
        "line 5: starts_at: Must be a time in RFC 3339 with an offset, such as 2030-01-31T20:00:00Z.",
        "line 6: id: There is no such showtime.",
    ]
    assert len(cinema(SHOWTIMES_SQL)) == 1


def test_cleaning_keeps_a_gap(run: Run, cinema: Look) -> None:
    rows = [showtime(10), showtime(12.25), showtime(14.75)]
    result = run("import", "showtimes", given=table(rows), CLEANING_MINUTES="30")
    assert said(result) == ["line 3: The showtime of line 2 has the auditorium at that time."]


@pytest.mark.parametrize("minutes", [10, -10])
def test_all_showtimes_of_a_day_can_move_by_an_hour(run: Run, cinema: Look, minutes: int) -> None:
    """Each showtime needs the slot of another one, whether they move forward or back."""
    run("import", "showtimes", given=table([showtime(2 + 2 * n) for n in range(8)]))
    rows = [showtime(2 * n + minutes / 60, id=n + 1) for n in range(9)]
    result = run("import", "showtimes", given=table(rows))
    assert result.stdout == "0 new, 9 replaced, 0 as they were\n", result.stderr
    starts = [row[3] for row in cinema(SHOWTIMES_SQL)]
    assert starts == [START + timedelta(hours=2 * n, minutes=minutes) for n in range(9)]


def test_a_showtime_that_cannot_be_replaced_keeps_its_slot(run: Run, cinema: Look) -> None:
    run("import", "showtimes", given=table([showtime(2), showtime(4)]))
    rows = [showtime(3, id=1), showtime(2, id=2, base_price="7.77"), showtime(6)]
    result = run("import", "showtimes", "--skip-errors", given=table(rows))
    assert (result.exit_code, result.stdout) == (1, "1 new, 1 replaced, 0 as they were\n")
    assert said(result) == ["line 2: Showtime 2 has the auditorium at that time."]
    assert [(row[0], str(row[5])) for row in cinema(SHOWTIMES_SQL)] == [
        *((1, "9.00"), (2, "7.77"), (3, "8.00")),
        (cinema("select max(id) from showtimes")[0][0], "8.00"),
    ]


def test_two_showtimes_exchange_their_times(run: Run, cinema: Look) -> None:
    run("import", "showtimes", given=table([showtime(2)]))
    result = run("import", "showtimes", given=table([showtime(2, id=1), showtime(0, id=2)]))
    assert result.stdout == "0 new, 2 replaced, 0 as they were\n", result.stderr
    assert cinema("select id from showtimes order by starts_at") == [(2,), (1,)]


def test_an_import_has_an_entry_in_the_change_log_for_each_showtime(run: Run, cinema: Look) -> None:
    run("import", "showtimes", given=table([showtime(2)]))
    run("import", "showtimes", given=table([showtime(2, id=1), showtime(0, id=2)]))

    entries = cinema("""
        select subject, action, user_id, (before->>'starts_at')::timestamptz, (after->>'starts_at')::timestamptz
        from change_log
        order by id
    """)

    later, command = START + timedelta(hours=2), ("import", None)
    assert entries[0] == ("showtime/2", *command, None, later)
    assert sorted(entries[1:]) == [("showtime/1", *command, START, later), ("showtime/2", *command, later, START)]


def test_three_showtimes_exchange_rooms_and_times_and_a_new_one_follows(run: Run, cinema: Look) -> None:
    run("import", "showtimes", given=table([showtime(0, auditorium_id=2), showtime(2, auditorium_id=2)]))
    rows = [
        showtime(2, id=1, auditorium_id=2),
        showtime(0, id=2),
        showtime(0, 4, id=3, auditorium_id=1, starts_at=(START + timedelta(hours=2)).isoformat()),
        showtime(0, auditorium_id=2),
    ]
    result = run("import", "showtimes", given=table(rows))
    assert result.stdout == "1 new, 3 replaced, 0 as they were\n", result.stderr
    assert cinema("select auditorium_id, starts_at, id from showtimes order by 1, 2")[0::3] == [
        (1, START, 2),
        (2, START + timedelta(hours=2), 1),
    ]


@pytest.mark.parametrize("hours", [1, -1, 7])
def test_a_programme_without_gaps_moves_whatever_the_order_of_its_ids(
    run: Run, cinema: Look, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 9)
    cinema("truncate showtimes restart identity cascade")
    order = random.Random(hours).sample(range(60), 60)
    run("import", "showtimes", given=table([showtime(hour, 1) for hour in order]))
    moved = [showtime(hour + hours, 1, id=number) for number, hour in enumerate(order, 1)]
    result = run("import", "showtimes", given=table(random.Random(1).sample(moved, 60)))
    assert result.stdout == "0 new, 60 replaced, 0 as they were\n", result.stderr
    starts = [row[3] for row in cinema(SHOWTIMES_SQL)]
    assert starts == [START + timedelta(hours=hour + hours) for hour in order]


def test_a_showtime_that_stays_conflicts_and_is_named(run: Run, cinema: Look) -> None:
    """A showtime that overlaps keeps its slot, and so does one that was to get that slot; no other one does."""
    run("import", "showtimes", given=table([showtime(2 * n) for n in range(1, 6)]))
    before = cinema(SHOWTIMES_SQL)
    rows = [
        showtime(2, id=1),  # which the next one leaves
        showtime(4, id=2),  # which the next one does not
        showtime(9, id=3),  # showtime 5 is there
        showtime(20, id=4),
        showtime(21, id=6),
    ]
    for words, replaced in (((), None), (("--skip-errors",), [4])):
        result = run("import", "showtimes", *words, given=table(rows))
        assert result.exit_code == 1
        assert said(result) == [
            "line 2: Showtime 2, which line 3 cannot move, has the auditorium at that time.",
            "line 3: Showtime 3, which line 4 cannot move, has the auditorium at that time.",
            "line 4: Showtime 5 has the auditorium at that time.",
            "line 6: The showtime of line 5 has the auditorium at that time.",
        ]
        after = cinema(SHOWTIMES_SQL)
        assert [row[0] for old, row in zip(before, after, strict=True) if row != old] == (replaced or [])


def test_an_unchanged_row_keeps_its_etag(run: Run, cinema: Look) -> None:
    """Even if the import set it aside meanwhile."""
    run("import", "showtimes", given=table([showtime(2), showtime(4)]))
    query = "select id, updated_at, free_at from showtimes order by id"
    before = cinema(query)
    rows = [showtime(20, id=1), showtime(20, id=2), showtime(40, id=3)]
    result = run("import", "showtimes", "--skip-errors", given=table(rows))
    assert result.stdout == "0 new, 2 replaced, 0 as they were\n", result.stderr
    after = cinema(query)
    assert after[1] == before[1]
    assert [after[at][1] > before[at][1] for at in (0, 2)] == [True, True]


def test_refused_showtimes_leave_no_locks(run: Run, cinema: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL has room for a bounded number of locks in memory; row locks take none."""
    locks = 0
    insert = showtime_imports._insert

    async def count_first(conn: Any, *args: Any) -> int:
        nonlocal locks
        locks = await conn.fetchval("select count(*) from pg_locks where pid = pg_backend_pid()")
        return await insert(conn, *args)

    monkeypatch.setattr(showtime_imports, "_insert", count_first)
    run("import", "showtimes", given=table([showtime(2 + 2 * n) for n in range(300)]))
    rows = [showtime(599 + 0.001 * number, id=number) for number in range(1, 300)]
    result = run("import", "showtimes", "--skip-errors", given=table(rows))
    assert "299 rows at fault" in result.stderr
    assert 0 < locks < 100


async def test_progress_counts_written_rows(
    settings: Settings, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row counts once, when it is done."""
    monkeypatch.setattr(imports, "CHUNK", 2)
    await db.execute("insert into movies (title, duration_minutes) values ('Solaris', 100)")
    await db.execute("insert into auditoriums (name, capacity) values ('One', 10)")

    def row(line: int, showtime_id: int | None, hour: int) -> ShowtimeRow:
        start = START + timedelta(hours=hour)
        wanted = ShowtimeInput(1, 1, start, start + timedelta(hours=1), Decimal("9.00"))
        return ShowtimeRow(line, showtime_id, wanted)

    done: list[int] = []
    seen: list[int] = []
    replace = bulk.replace_showtimes

    async def look_first(*args: Any, **words: Any) -> None:
        seen.append(sum(done))
        await replace(*args, **words)

    monkeypatch.setattr(bulk, "replace_showtimes", look_first)
    async with asyncpg.create_pool(**pool_options(settings)) as pool:
        database = Database(pool, wait_s=5)
        words: dict[str, Any] = {"cleaning_s": 0, "skip_errors": True, "advance": done.append}
        await write_showtimes(database, [row(line, None, line) for line in range(2, 10)], Faults(), **words)
        assert sum(done) == 8
        done.clear()
        # As it was; refused; not there; four that move; new.
        rows = [row(2, 1, 2), row(3, 2, 9), row(4, 4711, 50), *(row(line, line - 2, line + 10) for line in range(5, 9))]
        imported, _ = await write_showtimes(database, [*rows, row(9, None, 60)], Faults(), **words)
    assert imported == Imported(new=1, replaced=4, unchanged=1)
    assert seen == [3, 5]
    assert sum(done) == 8


def test_a_showtime_with_reservations_cannot_change_its_auditorium(run: Run, cinema: Look) -> None:
    cinema("insert into users (name, email, password_hash) values ('A', 'a@example.com', 'x')")
    cinema(
        "insert into reservations (id, user_id, showtime_id, total_price, expires_at)"
        " values ('019aa000-0000-7000-8000-000000000001', 1, 1, 0, now() + interval '1 hour')"
    )
    result = run("import", "showtimes", given=table([showtime(0, id=1, auditorium_id=2)]))
    assert said(result) == [
        "line 2: The showtime has live holds or confirmed reservations, so its film, auditorium and time do not change."
    ]
    assert run("import", "showtimes", given=table([showtime(0, id=1, base_price="5")])).exit_code == 0


def test_a_cancelled_showtime_is_not_replaced(run: Run, cinema: Look) -> None:
    cinema("update showtimes set status = 'cancelled', cancelled_at = now(), cancel_reason = 'No projector.'")
    before = cinema(SHOWTIMES_SQL)
    for changed in (showtime(0, id=1, auditorium_id=2), showtime(5, id=1), showtime(0, id=1)):
        result = run("import", "showtimes", given=table([changed]))
        assert (result.exit_code, said(result)) == (1, ["line 2: The showtime is cancelled."])
    assert run("import", "showtimes", given=table([showtime(0, id=1, base_price="9.00")])).exit_code == 0
    assert cinema(SHOWTIMES_SQL) == before


async def test_seat_maps_show_imported_prices_at_once(run: Run, api: Api) -> None:
    """The service has cached both maps; the unchanged one keeps its ETag."""
    cinema = await api.cinema()
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
    before = [await api.call("GET", f"/showtimes/{each}/seats") for each in (cinema.showtime_id, other)]
    exported = await asyncio.to_thread(run, "export", "showtimes")
    given = exported.stdout.replace(",10.00", ",12.50", 1)  # of the first
    result = await asyncio.to_thread(run, "import", "showtimes", given=given)
    assert result.stdout == "0 new, 1 replaced, 1 as they were\n", result.output

    after = [await api.call("GET", f"/showtimes/{each}/seats") for each in (cinema.showtime_id, other)]

    assert {seat["price"] for seat in before[0].json["seats"]} == {"10.00"}
    assert {seat["price"] for seat in after[0].json["seats"]} == {"12.50"}
    assert before[1].headers["ETag"] == after[1].headers["ETag"]


def test_without_redis_no_showtime_is_imported(run: Run, cinema: Look) -> None:
    result = run("import", "showtimes", given=table([showtime(2)]), REDIS_URL="redis://127.0.0.1:1/0")
    assert isinstance(result.exception, EXPECTED)
    assert len(cinema(SHOWTIMES_SQL)) == 1


# Failures of files, pipes and stores


@pytest.fixture
def shell(database_url: str, redis_url: str, tmp_path: Path) -> Callable[[str], "subprocess.CompletedProcess[str]"]:
    """Runs a command line in bash, where `reservation` is the service's command; the paths may contain spaces."""
    env = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    env |= {"PYTHON": sys.executable, "PYTHONPATH": str(PACKAGE), "PATH": os.environ["PATH"]}

    def command(line: str) -> "subprocess.CompletedProcess[str]":
        script = f'set -o pipefail; reservation() {{ "$PYTHON" -m reservation "$@"; }}; {line}'
        return subprocess.run(
            ["bash", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return command


Shell: TypeAlias = Callable[[str], "subprocess.CompletedProcess[str]"]
MANY = "insert into movies (title, duration_minutes) select 'Film ' || n, 90 from generate_series(1, 20000) as n"


def test_a_closed_pipe_is_no_error(shell: Shell, look: Look) -> None:
    look(MANY)
    result = shell("reservation export movies | head -1")
    assert (result.returncode, result.stderr) == (141, "")
    assert result.stdout == (
        "id,title,description,duration_minutes,genre,genres,poster_url,age_rating,release_date,original_language,director,"
        "waiting_room\n"
    )


def test_a_full_disk_is_reported(shell: Shell, look: Look) -> None:
    look(MANY)
    for line in ("reservation export movies /dev/full", "reservation export movies > /dev/full"):
        result = shell(line)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == "reservation: [Errno 28] No space left on device\n"


def test_a_full_disk_is_reported_for_a_small_export(shell: Shell, look: Look) -> None:
    """The whole export fits into a buffer, so that only the flush fails."""
    result = shell("reservation export movies > /dev/full")
    assert (result.returncode, result.stderr) == (1, "reservation: [Errno 28] No space left on device\n")


def test_a_failed_export_keeps_the_old_file(run: Run, cinema: Look, tmp_path: Path) -> None:
    path = tmp_path / "showtimes.csv"
    path.write_text("precious\n")
    path.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(path)
    cinema("alter table showtimes rename to gone")
    assert run("export", "showtimes", str(path)).exit_code == 1
    assert path.read_text() == "precious\n"
    cinema("alter table gone rename to showtimes")
    assert run("export", "showtimes", str(tmp_path / "link.csv")).exit_code == 0
    assert path.read_text().startswith("id,")
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.csv", "showtimes.csv"]


def test_a_failed_import_prints_the_reason(shell: Shell, cinema: Look, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "showtimes.csv").write_bytes(table([showtime(2)]))
    with psycopg.connect(database_url) as connection:
        connection.execute("select id from auditoriums for update")
        result = shell("STATEMENT_TIMEOUT_SECONDS=1 reservation import showtimes showtimes.csv")
    assert (result.returncode, result.stdout) == (1, "")
    assert "Another session has locked the data that this request needs: try again shortly. (canceling" in result.stderr
