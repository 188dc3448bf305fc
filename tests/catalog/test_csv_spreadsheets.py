"""CSV files as spreadsheets write them: separators, blank rows, names of columns, numbers, lists; and cinemas."""

from io import BytesIO

import pytest
from hypothesis import given, strategies as st

from reservation.catalog.bulk.cells import as_list, as_number, as_price, list_cell
from reservation.catalog.bulk.csv_rows import CsvColumns, Faults, FileError, read_rows
from tests.catalog.test_csv_files import MOVIES_SQL, Look, Run, cinema, look, run, said, showtime, table

__all__ = ["cinema", "look", "run"]  # fixtures

COLUMNS = CsvColumns(("title", "price", "id"), required=frozenset({"title"}))
ITEM = st.text(st.sampled_from(" |\\\t\r\n\u00a0a,;é"), min_size=1, max_size=6).filter(lambda text: text.strip() != "")


def read(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    faults = Faults()
    rows = read_rows(BytesIO(text.encode()), COLUMNS, faults)
    return [(row.line, dict(row.cells)) for row in rows], list(faults)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_tells_the_separator(separator: str) -> None:
    text = "title,price,id\r\nA,1,2\r\n".replace(",", separator)
    assert read(text) == ([(2, {"title": "A", "price": "1", "id": "2"})], [])


def test_other_separators_are_part_of_a_cell() -> None:
    assert read('title;price\n"A; B";12,50\nC, D;1\n') == (
        [(2, {"title": "A; B", "price": "12,50"}), (3, {"title": "C, D", "price": "1"})],
        [],
    )


def test_names_of_columns_have_no_case_and_no_outer_spaces() -> None:
    assert read("\ufeff Title ;PRICE\nA;1\n") == ([(2, {"title": "A", "price": "1"})], [])


def test_blank_rows_are_skipped_and_lines_keep_their_numbers() -> None:
    text = '\n,,\ntitle,price\n\n,\n"A\nB",1\n , \nC,2,3\nD,3\n'
    assert read(text) == (
        [(6, {"title": "A\nB", "price": "1"}), (10, {"title": "D", "price": "3"})],
        ["line 9: has 3 cells, and the header 2"],
    )


def test_empty_cells_beside_the_table_are_left_out() -> None:
    assert read("title,price,,\nA,1,,\nB,2\nC,3,,x\n") == (
        [(2, {"title": "A", "price": "1"}), (3, {"title": "B", "price": "2"})],
        ["line 4: has 4 cells, and the header 2"],
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: a header is needed"),
        ("\n \n;;\n", "line 1: a header is needed"),
        ("\n\nprice\n", "line 3: the column title is missing"),
        ("title,Title\n", "line 1: the column title is there twice"),
        ("title,,price\n", "line 1: '' is not one of the columns"),
        ("title|price\n", "line 1: 'title|price' is not one of the columns, which commas, semicolons or tabs separate"),
    ],
)
def test_a_wrong_header_is_refused(text: str, why: str) -> None:
    with pytest.raises(FileError, match="^" + why.replace("|", "\\|")):
        read(text)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("120", 120),
        ("120.0", 120),
        ("120,00", 120),
        (" 1\u00a0200 ", 1200),
        ("-1", -1),
        ("120.5", "120.5"),
        ("1,000", "1,000"),
        ("1.000", "1.000"),
        ("", ""),
        ("x", "x"),
    ],
)
def test_a_number_may_have_spaces_and_zeros_behind_a_point(cell: str, number: object) -> None:
    assert as_number(cell) == number


@pytest.mark.parametrize(
    ("cell", "price"),
    [
        ("12.5", "12.5"),
        ("12,50", "12.50"),
        (" 1 200,5 ", "1200.5"),
        ("12", "12"),
        ("1,200", "1,200"),
        ("1.2,5", "1.2.5"),
    ],
)
def test_a_price_may_have_spaces_and_a_decimal_comma(cell: str, price: str) -> None:
    assert as_price(cell) == price


@given(items=st.lists(ITEM, max_size=4))
def test_a_list_in_a_cell_is_read_as_it_was(items: list[str]) -> None:
    assert as_list(list_cell(items)) == items


def test_a_list_may_have_spaces_around_its_items() -> None:
    assert as_list(" Drama | Film noir|") == ["Drama", "Film noir"]


def test_a_file_of_a_spreadsheet_is_imported(run: Run, look: Look) -> None:
    given = (
        "\ufeffTitle;Duration_Minutes;GENRES;release_date;director;;\r\n"
        "Mirror;107,0;Drama | Biography;1975-03-07;Andrei Tarkovsky;;\r\n"
        ";;;;;;\r\n"
        "Stalker; 162 ;;;;;\r\n"
    )
    assert run("import", "movies", given=given).stdout == "2 new, 0 replaced, 0 as they were\n"
    assert [(row[0], row[2], row[4], str(row[6]), row[8]) for row in look(MOVIES_SQL)] == [
        ("Mirror", 107, ["Drama", "Biography"], "1975-03-07", "Andrei Tarkovsky"),
        ("Stalker", 162, [], "None", None),
    ]


def test_genre_and_genres_of_a_row_must_agree(run: Run, look: Look) -> None:
    rows = ("A,90,Drama,", "B,90,,Drama|Crime", "C,90,Drama,Drama|Crime", "D,90,Crime,Drama")
    given = "\n".join(["title,duration_minutes,genre,genres", *rows])
    result = run("import", "movies", "--skip-errors", given=given)
    assert said(result) == ["line 5: genre: Must be the first of genres, or be left out."]
    assert [row[4] for row in look(MOVIES_SQL)] == [["Drama"], ["Drama", "Crime"], ["Drama", "Crime"]]


def test_an_auditorium_is_found_by_its_name_and_its_cinema(run: Run, cinema: Look) -> None:
    cinema("insert into cinemas (name, timezone) values ('Babylon', 'Europe/Berlin'), ('Arsenal', 'Europe/Berlin')")
    cinema("insert into auditoriums (name, capacity, cinema_id) values ('Two', 10, 2), ('Two', 10, 3)")

    def two(hour: float, **cells: object) -> dict[str, object]:
        return showtime(hour) | {"auditorium_id": "", "auditorium_name": "Two"} | cells

    rows = [
        two(10, cinema_name="Babylon"),
        two(10, cinema_id="3.0"),
        two(10, cinema_id=1, cinema_name="Cinema"),
        two(14),
        two(14, cinema_name="Nowhere"),
        two(14, cinema_id=2, cinema_name="Arsenal"),
        showtime(14, auditorium_id=3, cinema_name="Arsenal"),
        showtime(14, auditorium_id=3, cinema_id=2),
    ]
    result = run("import", "showtimes", "--skip-errors", given=table(rows))
    assert result.stdout == "4 new, 0 replaced, 0 as they were\n"
    assert said(result) == [
        "line 5: auditorium_name: There are 3 of this name: say which in auditorium_id, or name the cinema.",
        "line 6: auditorium_name: There is no such auditorium in this cinema.",
        "line 7: auditorium_name: There is no such auditorium in this cinema.",
        "line 8: auditorium_id: The auditorium with the id 3 is in another cinema.",
    ]
    found = cinema("select auditorium_id from showtimes where id > 1 order by id")
    assert sorted(row[0] for row in found) == [2, 3, 3, 4]


def test_two_auditoriums_of_one_name_survive_an_export_without_ids(run: Run, cinema: Look) -> None:
    cinema("insert into cinemas (name, timezone) values ('Babylon', 'Europe/Berlin')")
    cinema("insert into auditoriums (name, capacity, cinema_id) values ('One', 10, 2)")
    given = [showtime(0, auditorium_id=3), showtime(5, auditorium_id=3)]
    assert run("import", "showtimes", given=table(given)).exit_code == 0
    query = "select auditorium_id, starts_at from showtimes order by auditorium_id, starts_at"
    before = cinema(query)
    exported = run("export", "showtimes", "--no-ids").stdout_bytes
    cinema("truncate showtimes restart identity cascade")
    assert run("import", "showtimes", given=exported).stdout == "3 new, 0 replaced, 0 as they were\n"
    assert cinema(query) == before


def test_cancelled_showtimes_are_not_exported(run: Run, cinema: Look) -> None:
    assert run("import", "showtimes", given=table([showtime(4)])).exit_code == 0
    cinema("update showtimes set status = 'cancelled', cancelled_at = now() where id = 1")
    lines = run("export", "showtimes").stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("2,")


def test_an_imported_showtime_can_have_the_time_of_a_cancelled_one(run: Run, cinema: Look) -> None:
    cinema("update showtimes set status = 'cancelled', cancelled_at = now() where id = 1")
    rows = [showtime(1), showtime(0, id=1, base_price="9.00")]
    assert run("import", "showtimes", given=table(rows)).stdout == "1 new, 0 replaced, 1 as they were\n"
    assert cinema("select starts_at = free_at from showtimes where id = 1") == [(True,)]
