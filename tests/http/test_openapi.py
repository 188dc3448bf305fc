"""The OpenAPI document: valid, complete, and as strict as the validation."""

import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from reservation.app import TABLES
from reservation.errors import AccountDisabled
from reservation.http.handlers.holds import HoldInput
from reservation.http.openapi.document import TAGS, document
from reservation.http.openapi.problems import all_problem_types
from reservation.http.openapi.schemas import WITHOUT_NUL_NOT_BLANK
from reservation.http.output.problems import HTTP_PROBLEMS, STATUS_AND_CODE
from reservation.http.paging import Cursor
from reservation.http.routes import Access, Routes
from reservation.runtime.fields import Day, Id, Input, Instant, IntegerParameter, JsonObject, Money, RowLabel, Text
from reservation.runtime.time_zone_fields import TimeZone

OPERATIONS = [operation for table in TABLES for operation in table.operations]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(TABLES, version="1.2.3", currency="EUR", max_body_bytes=4096)


def described(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in made["paths"].values():
        yield from operations.values()


def inputs(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operation in described(made):
        if "requestBody" in operation:
            yield from named(made, operation["requestBody"]["content"]["application/json"]["schema"])


def named(made: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The component that a schema refers to, or the components of its oneOf."""
    name = schema["$ref"].rpartition("/")[2]
    found = made["components"]["schemas"][name]
    if "oneOf" not in found:
        yield name, found
    for alternative in found.get("oneOf", ()):
        yield from named(made, alternative)


def takes(made: dict[str, Any], name: str, value: Any) -> bool:
    """Whether a value is valid by a component."""
    return bool(
        OAS31Validator({"$ref": f"#/components/schemas/{name}", "components": made["components"]}).is_valid(value)
    )


def test_the_document_is_valid_openapi(made: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(made).validate()
    assert made["openapi"].startswith("3.1.")
    assert made["info"]["version"] == "1.2.3"
    assert "EUR" in made["info"]["description"]
    assert "4096" in made["info"]["description"]


def test_every_schema_is_valid_json_schema(made: dict[str, Any]) -> None:
    for schema in made["components"]["schemas"].values():
        OAS31Validator.check_schema(schema)


def test_every_operation_is_documented(made: dict[str, Any]) -> None:
    routed = {(operation.method, operation.path) for operation in OPERATIONS}
    assert routed == {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}


def test_operations_have_unique_ids_and_summaries(made: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in described(made)]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] for operation in described(made))


def test_tags_are_described(made: dict[str, Any]) -> None:
    assert {table.tag for table in TABLES} <= TAGS.keys()
    assert {tag["name"] for tag in made["tags"]} == {table.tag for table in TABLES}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_an_operation_documents_its_access_and_its_problems(made: dict[str, Any], operation: Any) -> None:
    documented = made["paths"][operation.path][operation.method.lower()]
    statuses = set(documented["responses"])
    assert (documented["security"] == []) is (operation.access is Access.PUBLIC)
    assert [way["ApiKey"] for way in documented["security"] if "ApiKey" in way] == [[one] for one in operation.scopes]
    assert ("401" in statuses) or operation.access is Access.PUBLIC
    assert ("403" in statuses) is (operation.access is not Access.PUBLIC or AccountDisabled in operation.raises)
    assert "429" in statuses or not operation.scopes
    assert str(operation.status) in statuses
    assert {str(STATUS_AND_CODE[error][0]) for error in operation.raises} <= statuses
    if operation.body is not None:
        assert {"400", "413", "415", "422"} <= statuses
    named = {parameter["name"] for parameter in documented.get("parameters", []) if parameter["in"] == "path"}
    assert named == set(re.findall(r"\{(\w+)\}", operation.path))
    assert ("404" in statuses) or not named


def test_input_schemas_are_closed(made: dict[str, Any]) -> None:
    found = dict(inputs(made))
    assert found
    # Stripe's events have members that the service does not use.
    open_ones = {name for name, schema in found.items() if schema.get("additionalProperties") is not False}
    assert open_ones == {"StripeEventInput"}


def test_money_is_a_string_in_responses_and_a_number_or_string_in_requests(made: dict[str, Any]) -> None:
    seat = made["components"]["schemas"]["SeatStatus"]["properties"]["price"]
    showtime = next(schema for _, schema in inputs(made) if "base_price" in schema["properties"])
    assert seat["type"] == "string"
    assert OAS31Validator(seat).is_valid("12.50")
    assert not OAS31Validator(seat).is_valid("12.5")
    sent = OAS31Validator(showtime["properties"]["base_price"])
    assert all(sent.is_valid(amount) for amount in ("12.50", "12", 12, 12.5))
    assert not any(sent.is_valid(amount) for amount in ("-1", "", -1, "1e3", None, True))


def test_every_problem_code_is_explained() -> None:
    codes = {problem.code for problem in all_problem_types()}
    assert {code for _, code in STATUS_AND_CODE.values()} | {code for code, _ in HTTP_PROBLEMS.values()} <= codes


class ThingInput(Input):
    """One field of each kind."""

    id = Id(required=True)
    text = Text(3)
    note = Text(3, blank=True, allow_none=True)
    amount = Money()
    factor = Money(load_default=Decimal("1.00"))
    extra = JsonObject()
    kind = fields.String(validate=validate.OneOf(("a", "b")), allow_none=True)
    row = RowLabel(allow_none=True)


class ThingQuery(Input):
    """One field of each kind that a query string can have."""

    limit = IntegerParameter(1, 9, load_default=5)
    cursor = Cursor(int, load_default=(0,))
    kind = fields.String(validate=validate.OneOf(("a", "b")))
    day = Day()
    zone = TimeZone()
    since = Instant(required=True)


class ThingOutput(Schema):
    amount = Money()


def things() -> dict[str, Any]:
    routes = Routes("Things")

    @routes.add("PUT", "/things/{thing_id:[0-9]+}", body=ThingInput(), query=ThingQuery(), output=ThingOutput())
    async def replace_thing(request: web.Request) -> web.Response:
        """Replace a thing.

        All of it.
        """
        return web.Response()

    return document([routes], version="1", currency="USD", max_body_bytes=1024)


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({}, True),
        ({"id": 0}, False),
        ({"id": 2**63 - 1}, True),
        ({"id": 2**63}, False),
        ({"id": "1"}, False),
        ({"text": ""}, False),
        ({"text": "  "}, False),
        ({"text": "a\0"}, False),
        ({"text": "four"}, False),
        ({"text": None}, False),
        ({"note": ""}, True),
        ({"note": "a\0"}, False),
        ({"note": None}, True),
        ({"amount": "12.5"}, True),
        ({"amount": 12}, True),
        ({"amount": "-1"}, False),
        ({"amount": 1e9}, False),
        ({"amount": "100000000"}, False),
        ({"amount": None}, False),
        ({"extra": {"any": ["thing"]}}, True),
        ({"extra": []}, False),
        ({"kind": "c"}, False),
        ({"kind": None}, True),
        ({"row": "AB"}, True),
        ({"row": None}, True),
        ({"row": "ab"}, False),
        ({"row": "ABCD"}, False),
        ({"row": ""}, False),
        ({"more": 1}, False),
    ],
)
def test_the_document_takes_what_the_schema_loads(sent: dict[str, Any], taken: bool) -> None:
    schema = things()["components"]["schemas"]["ThingInput"]
    body = {"id": 1, **sent}
    assert OAS31Validator(schema).is_valid(body) is taken
    if taken:
        ThingInput().load(body)
    else:
        with pytest.raises(ValidationError):
            ThingInput().load(body)


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"seat_ids": [1]}, True),
        ({"quantity": 2}, True),
        ({"quantity": 2, "seat_type": "premium"}, True),
        ({}, False),
        ({"seat_type": "premium"}, False),
        ({"seat_ids": [1], "quantity": 2}, False),
        ({"seat_ids": [1], "seat_type": "premium"}, False),
        ({"quantity": 0}, False),
        ({"quantity": 2, "seat_type": None}, False),
    ],
)
def test_the_document_takes_the_combinations_that_a_hold_takes(
    made: dict[str, Any], body: dict[str, Any], taken: bool
) -> None:
    assert takes(made, "HoldInput", body) is taken
    if taken:
        HoldInput().load(body)
    else:
        with pytest.raises(ValidationError):
            HoldInput().load(body)


def test_parameters_are_documented_as_declared() -> None:
    made = things()
    OpenAPIV31SpecValidator(made).validate()
    operation = made["paths"]["/things/{thing_id}"]["put"]
    found = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert found["thing_id"]["schema"] == {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1}
    assert found["limit"]["schema"] == {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": 9,
        "default": 5,
    }
    assert "default" not in found["cursor"]["schema"]
    assert found["kind"]["schema"] == {"type": "string", "enum": ["a", "b"]}
    assert found["day"]["schema"]["format"] == "date"
    assert found["zone"]["schema"]["type"] == "string"
    assert found["since"]["required"] is True
    assert operation["summary"] == "Replace a thing"
    assert operation["description"] == "All of it."


def test_defaults_and_decimals_are_strings() -> None:
    schemas = things()["components"]["schemas"]
    assert schemas["ThingInput"]["properties"]["factor"]["default"] == "1.00"
    assert schemas["Thing"]["properties"]["amount"]["type"] == "string"
    assert "additionalProperties" not in schemas["Thing"]


def test_the_pattern_for_blank_text_agrees_with_strip() -> None:
    pattern = re.compile(WITHOUT_NUL_NOT_BLANK)
    characters = [chr(code) for code in range(1, sys.maxunicode + 1)]
    assert [one for one in characters if not pattern.search(one)] == [one for one in characters if not one.strip()]
