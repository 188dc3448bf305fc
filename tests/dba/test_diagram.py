"""The picture of the schema is that of the migrated database, and says all that is to be seen in it in words, too."""

from pathlib import Path
from xml.etree import ElementTree

import psycopg
from click.testing import CliRunner

from reservation.commands.main import commands
from reservation.dba import diagram
from tests.conftest import SECRET

STORED = Path(__file__).parents[2] / "docs/schema.svg"
SVG = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - drawn by us


def test_schema_svg_is_the_migrated_schema(shared_database_url: str) -> None:
    """After a new migration: `make schema`."""
    assert diagram.svg(shared_database_url).splitlines() == STORED.read_text().splitlines()


def test_every_table_column_and_foreign_key_is_in_it(shared_database_url: str) -> None:
    root = parsed(STORED.read_text())
    boxes = {"".join(title.text or "" for title in box.iter(f"{SVG}title")): box for box in root.iter(f"{SVG}g")}
    shown = {(title.partition(":")[0], text.text) for title, box in boxes.items() for text in box.iter(f"{SVG}text")}
    lines = [title.text for path in root.iter(f"{SVG}path") for title in path.iter(f"{SVG}title")]
    with psycopg.connect(shared_database_url) as connection:
        columns = connection.execute(
            "select table_name::text, column_name::text from information_schema.columns"
            " where table_schema = 'public' and table_name !~ '^_?yoyo_'"
        ).fetchall()
        (keys,) = connection.execute("select count(*) from pg_constraint where contype = 'f'").fetchone() or (0,)

    assert columns
    assert set(columns) <= shown
    assert len(lines) == keys > 10
    assert "seats (auditorium_id) references auditoriums (id) on delete cascade" in lines
    assert ("booked_seats", "unique (showtime_id, seat_id)") in shown


def test_it_is_told_in_words_and_follows_the_readers_colours() -> None:
    root = parsed(STORED.read_text())
    assert root.get("role") == "img"
    named = {element.get("id"): element.text or "" for element in root if element.get("id")}
    assert set((root.get("aria-labelledby") or "").split()) == set(named)
    assert "reservations refers to showtimes, users" in named["desc"]
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")


def test_the_command_draws_it(database_url: str, redis_url: str) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table stalls (id int primary key, seat_id bigint references seats)")
    drawn = CliRunner().invoke(commands, ["schema", "--svg"], env=environ, catch_exceptions=False).stdout
    assert "stalls (seat_id) references seats (id)</title>" in drawn
    assert parsed(drawn).tag == f"{SVG}svg"
