"""The demo's films and rooms fit into the schema, and the films' texts are clean."""

import csv
import re
from pathlib import Path

import pytest

from reservation.db.repository.movies import MovieInput
from reservation.seed import demo
from reservation.seed.demo import ROOMS

DATA = Path(demo.__file__).parent / "data"
FILMS = demo.films()


def test_the_demo_has_some_five_hundred_films() -> None:
    assert 450 <= len(FILMS) <= 550


def test_the_columns_of_movies_csv_are_documented() -> None:
    with (DATA / "movies.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert header == ["title", "description", "duration_minutes", "genre", "poster_url"]
    provenance = (DATA / "PROVENANCE.md").read_text(encoding="utf-8")
    assert all(f"| {column} |" in provenance for column in header)
    assert "CC0" in provenance
    assert "limit 500" in provenance


def test_titles_are_unique_without_regard_to_case() -> None:
    titles = [film.title.casefold() for film in FILMS]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.title)
def test_a_film_fits_into_the_schema_and_its_texts_are_clean(film: MovieInput) -> None:
    assert 1 <= len(film.title) <= 300
    assert 1 <= len(film.description) <= 10_000
    assert 60 <= film.duration_minutes <= 240
    [genre] = film.genres
    assert 1 <= len(genre) <= 100
    assert "," not in genre
    for text in (film.title, film.description, genre):
        assert text == " ".join(text.split())
        assert text.isprintable()
        assert not re.search(r"\bQ\d{3,}\b", text), "a Wikidata id instead of a label"
    assert film.description.startswith("Directed by ")
    assert re.search(r" Rated (G|PG|PG-13|GP|M|M/PG)\.$", film.description)
    assert film.poster_url is None or film.poster_url.startswith("https://")


def test_films_have_few_genres() -> None:
    assert len({genre for film in FILMS for genre in film.genres}) <= 25


def test_enough_films_are_short_enough_for_the_programme() -> None:
    assert sum(film.duration_minutes <= 165 for film in FILMS) >= 400


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_fits_into_the_schema(room: demo.Room) -> None:
    assert set(room.premium_rows) <= set(room.rows)
    assert room.focal_row in room.rows
    assert room.wheelchair_numbers | room.companion_numbers <= set(range(1, room.seats_per_row + 1))
    assert not room.wheelchair_numbers & room.companion_numbers
    assert room.aisles_after <= set(range(1, room.seats_per_row))


def test_rooms_differ_in_size() -> None:
    assert [len(room.rows) * room.seats_per_row for room in ROOMS] == [200, 120, 60]


def test_ticket_types_fit_into_the_schema_and_are_in_the_order_of_lists() -> None:
    names = [each.name for each in demo.TICKET_TYPES]
    assert names[0] == "child"
    assert len(set(names)) == len(names)
    assert [each.position for each in demo.TICKET_TYPES] == list(range(1, len(names) + 1))
    assert all((each.price_factor is None) is not (each.fixed_price is None) for each in demo.TICKET_TYPES)
