"""The demo's films and rooms are good data, whatever is done to the files."""

import csv
import re
from pathlib import Path

import pytest

from reservation.db.repository.seed import NewMovie
from reservation.seed import demo
from reservation.seed.demo import ROOMS

DATA = Path(demo.__file__).parent / "data"
FILMS = demo.films()


def test_there_are_some_five_hundred_films() -> None:
    assert 450 <= len(FILMS) <= 550


def test_columns_are_the_documented_ones() -> None:
    with (DATA / "movies.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert header == ["title", "description", "duration_minutes", "genre", "poster_url"]
    provenance = (DATA / "PROVENANCE.md").read_text(encoding="utf-8")
    assert all(f"| {column} |" in provenance for column in header)
    assert "CC0" in provenance
    assert "limit 500" in provenance


def test_titles_are_unique_whatever_their_case() -> None:
    titles = [film.title.casefold() for film in FILMS]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.title)
def test_film_is_within_the_schema_and_clean(film: NewMovie) -> None:
    assert 1 <= len(film.title) <= 300
    assert 1 <= len(film.description) <= 10_000
    assert 60 <= film.duration_minutes <= 240
    assert 1 <= len(film.genre) <= 100
    assert "," not in film.genre
    for text in (film.title, film.description, film.genre):
        assert text == " ".join(text.split())
        assert text.isprintable()
        assert not re.search(r"\bQ\d{3,}\b", text), "a Wikidata id instead of a label"
    assert film.description.startswith("Directed by ")
    assert re.search(r" Rated (G|PG|PG-13|GP|M|M/PG)\.$", film.description)
    assert not film.poster_url or film.poster_url.startswith("https://")


def test_genres_are_few_enough_to_filter_by() -> None:
    assert len({film.genre for film in FILMS}) <= 25


def test_enough_films_fit_into_a_day() -> None:
    assert sum(film.duration_minutes <= 165 for film in FILMS) >= 400


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_rooms_are_within_the_schema(room: demo.Room) -> None:
    assert set(room.premium_rows) <= set(room.rows)
    assert room.focal_row in room.rows
    assert room.wheelchair_numbers <= set(range(1, room.seats_per_row + 1))


def test_rooms_differ_in_size() -> None:
    assert [len(room.rows) * room.seats_per_row for room in ROOMS] == [200, 120, 60]


def test_guide_names_everything_needed() -> None:
    guide = demo.guide("http://127.0.0.1:8000/", with_admin=True)
    for needed in (
        "http://127.0.0.1:8000/docs",
        demo.ADMIN_EMAIL,
        demo.ADMIN_PASSWORD,
        demo.CUSTOMER_EMAIL,
        demo.CUSTOMER_PASSWORD,
    ):
        assert needed in guide
    assert "8000//" not in guide
    assert "$$" not in guide
