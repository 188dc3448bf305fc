"""Examples of the OpenAPI document: there for every member, valid, in the near future, and fit for one another."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from openapi_schema_validator import OAS31Validator

from reservation.app import TABLES
from reservation.db.reservation_ids import showtime_of
from reservation.http.openapi.document import document
from reservation.http.openapi.examples import takes_example, with_examples
from reservation.runtime.fields import Input

INPUTS = {
    type(operation.body).__name__: operation.body
    for table in TABLES
    for operation in table.operations
    if isinstance(operation.body, Input)
}
# What a body needs beside the members that are always required.
NEEDED = {"TicketTypeBody": ("price_factor",)}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(TABLES, version="1", currency="EUR", max_body_bytes=4096)


def members(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in made["components"]["schemas"].items():
        if not name.endswith("Problem"):  # the answers with problems have examples of their own
            for member, described in schema.get("properties", {}).items():
                yield f"{name}.{member}", described


def example(made: dict[str, Any], schema: dict[str, Any], *, is_whole: bool = True) -> Any:
    """A value made of the examples of a schema's members: of all, or of the required ones."""
    if "$ref" in schema:
        return example(made, made["components"]["schemas"][schema["$ref"].rpartition("/")[2]], is_whole=is_whole)
    known = schema.get("examples") or schema.get("enum") or ([False] if schema.get("type") == "boolean" else [])
    if known or "const" in schema:
        return [*known, schema.get("const")][0]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return example(made, schema[several][0], is_whole=is_whole)
    if schema.get("type") == "array":
        return [example(made, schema["items"], is_whole=is_whole)]
    wanted = schema.get("properties", {}) if is_whole else schema.get("required", ())
    return {member: example(made, schema["properties"][member], is_whole=is_whole) for member in wanted}


def test_every_member_and_path_parameter_has_an_example(made: dict[str, Any]) -> None:
    """What is missing is added to FIXED in reservation/http/openapi/examples.py."""
    lacking = {name for name, described in members(made) if takes_example(described) and "examples" not in described}
    for operations in made["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path" and "examples" not in parameter["schema"]:
                    lacking.add(parameter["name"])
    assert lacking == set()


def test_every_example_is_valid_by_its_schema(made: dict[str, Any]) -> None:
    seen = 0
    for name, described in members(made):
        for value in described.get("examples", ()):
            seen += 1
            assert OAS31Validator(described | {"components": made["components"]}).is_valid(value), name
    for operations in made["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                for value in parameter["schema"].get("examples", ()):
                    seen += 1
                    assert OAS31Validator(parameter["schema"]).is_valid(value), parameter["name"]
    assert seen > 150


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_body_made_of_examples_is_accepted(made: dict[str, Any], name: str, is_whole: bool) -> None:
    body = made["components"]["schemas"][name]
    needed = {member: body["properties"][member]["examples"][0] for member in NEEDED.get(name, ())}
    INPUTS[name].load(example(made, body, is_whole=is_whole) | needed)


def test_an_example_of_a_reservation_is_one_of_this_service(made: dict[str, Any]) -> None:
    reservation = example(made, made["components"]["schemas"]["Reservation"])
    assert showtime_of(UUID(reservation["id"])) == reservation["showtime_id"]
    created_at = datetime.fromisoformat(reservation["created_at"])
    assert UUID(reservation["id"]).int >> 80 == int(created_at.timestamp() * 1000)
    assert [seat["price"] for seat in reservation["seats"]] == [reservation["total_price"]]
    assert datetime.fromisoformat(reservation["expires_at"]) - created_at == timedelta(minutes=10)


@pytest.mark.parametrize("today", [date(2026, 11, 29), date(2027, 1, 31), date(2028, 2, 29), date(2027, 12, 1)])
def test_the_evening_of_the_examples_is_a_friday_of_next_month(made: dict[str, Any], today: date) -> None:
    showtime = with_examples(made, today)["components"]["schemas"]["Showtime"]["properties"]
    starts_at, ends_at = [datetime.fromisoformat(showtime[name]["examples"][0]) for name in ("starts_at", "ends_at")]
    assert starts_at.weekday() == 4
    assert timedelta(days=8) <= starts_at.date() - today <= timedelta(days=45)
    assert (starts_at.month - today.month) % 12 == 1
    assert ends_at - starts_at == timedelta(hours=2)


def test_the_examples_of_the_served_document_are_in_the_near_future(made: dict[str, Any]) -> None:
    showtime = made["components"]["schemas"]["Showtime"]["properties"]
    ahead = datetime.fromisoformat(showtime["starts_at"]["examples"][0]) - datetime.now(UTC)
    assert timedelta(days=7) < ahead < timedelta(days=46)
