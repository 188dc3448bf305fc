"""Every GET has its place in the one table of where it reads from, and so has the page for operators."""

import re
from pathlib import Path

import pytest

from reservation.app import TABLES
from reservation.db.repository.wal_positions import WalPosition
from reservation.http.gates import lane_of
from reservation.http.read_sources import READ_SOURCES, Source, sends_write_position, source_of
from reservation.http.replica_reads import MAX_CHARS, position_of
from reservation.runtime.lanes import Lane
from tests.api import Api

OPERATIONS = [operation for table in TABLES for operation in table.operations]
PAGE = Path(__file__).parents[2] / "docs" / "operator" / "read-replicas.md"
EXACT = ("/showtimes/{showtime_id}/seats", "/showtimes/{showtime_id}/events", "/reservations/{reservation_id}")


def test_the_table_has_every_get_and_no_other_path() -> None:
    assert READ_SOURCES.keys() == {operation.path for operation in OPERATIONS if operation.method == "GET"}


def test_writes_seat_maps_and_reservations_are_read_from_the_primary() -> None:
    assert {source_of(each) for each in OPERATIONS if each.method != "GET"} == {Source.PRIMARY}
    assert {READ_SOURCES[path] for path in EXACT} == {Source.PRIMARY}


def test_the_page_for_operators_lists_every_operation_that_reads_from_a_replica() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for source, title in (
        (Source.REPLICA, "## From a replica"),
        (Source.CAUGHT_UP, "## From a replica that has caught"),
    ):
        section = next(part for part in re.split(r"^(?=## )", text, flags=re.MULTILINE) if part.startswith(title))
        listed = set(re.findall(r"^- `GET (\S+)`", section, flags=re.MULTILINE))
        assert listed == {path for path, each in READ_SOURCES.items() if each is source}


def test_writes_on_the_way_of_a_sale_do_not_wait_for_a_position() -> None:
    writes = {each for each in OPERATIONS if sends_write_position(each)}
    assert not {lane_of(each) for each in writes} & {Lane.HOLD, Lane.CONFIRM}
    assert {each.path for each in writes} >= {"/admin/movies", "/auth/signup", "/admin/showtimes/{showtime_id}"}


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", WalPosition("", 0, 0)),
        ("1.2000", WalPosition("", 1, 2000)),
        ("1.2000, 2.900", WalPosition("", 2, 2000)),
        ("0,3.1", WalPosition("", 3, 1)),
        ("primary", None),
        ("1.2000,primary", None),
        ("", None),
        ("1.-5", None),
        ("1.٣", None),
        ("99999999999.1", None),
        ("1." + "1" * 20, None),
        ("1.1," * MAX_CHARS + "1.1", None),
    ],
)
def test_a_value_of_the_header_is_read_or_means_the_primary(text: str, position: WalPosition | None) -> None:
    assert position_of(text) == position


async def test_without_replicas_no_response_has_the_header(api: Api) -> None:
    answer = await api.call("POST", "/admin/cinemas", {"name": "One", "timezone": "UTC"}, who=await api.admin())
    assert answer.status == 201
    assert "Reservation-Written" not in answer.headers
