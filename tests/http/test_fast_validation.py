"""The fast loader of a hold's body returns what the schema would, or falls back to the schema."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import example, given, settings, strategies as st
from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from reservation.app import TABLES
from reservation.http.app_keys import BODY
from reservation.http.dispatch import route_definitions
from reservation.http.handlers.holds import Hold, HoldInput
from reservation.http.input.fast_validation import FALL_BACK, FastLoad, fast_loader
from reservation.http.routes import Routes
from reservation.runtime.fields import MAX_ID, BoundedInteger, Id, Input, Money, Text

HIGHEST_MAX_SEATS = 100


class Rooms(Input):
    """Another schema than the one in use: a negative bound, and a list that may be empty."""

    exactly_one_of = ("rows", "doors", "owner")
    rows = BoundedInteger(-3, 7)
    owner = Id()
    doors = fields.List(BoundedInteger(0, 9), validate=validate.Length(0, 3))


SCHEMAS: dict[str, Input] = {"hold": HoldInput(), "rooms": Rooms()}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 7, 8, MAX_ID, MAX_ID + 1, 2**64, -(2**63), 1.0, 1.5, 0.0, "1", "", "x", "１"]),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=3),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
good_ids = st.lists(st.integers(1, MAX_ID), min_size=1, max_size=HIGHEST_MAX_SEATS, unique=True)
nearly_ids = st.one_of(
    good_ids,
    st.lists(st.integers(-1, 4), max_size=5),  # repeats, zero and less
    st.lists(st.one_of(st.integers(1, 9), scalars), max_size=4),
    st.integers(99, 102).map(lambda many: list(range(1, many + 1))),
    anything,
)
good_rooms = st.one_of(
    st.fixed_dictionaries({"rows": st.integers(-3, 7)}),
    st.fixed_dictionaries({"owner": st.integers(1, MAX_ID)}),
    st.fixed_dictionaries({"doors": st.lists(st.integers(0, 9), max_size=3)}),
)
quantities = st.integers(1, HIGHEST_MAX_SEATS).map(lambda quantity: {"quantity": quantity})
nearly_rooms = st.fixed_dictionaries(
    {},
    optional={
        "rows": st.integers(-4, 8) | anything,
        "owner": st.integers(0, 2) | anything,
        "doors": st.lists(st.integers(-1, 10), max_size=4) | anything,
        "more": anything,
    },
)
bodies = st.one_of(
    good_ids.map(lambda ids: {"seat_ids": ids}),
    nearly_ids.map(lambda ids: {"seat_ids": ids}),
    st.fixed_dictionaries({}, optional={"seat_ids": nearly_ids, "seat_id": nearly_ids, "": scalars}),
    quantities,
    st.fixed_dictionaries({"quantity": st.integers(-1, 102) | anything}, optional={"seat_ids": good_ids, "": scalars}),
    good_rooms,
    nearly_rooms,
    anything,
)


def loader(schema: Schema) -> FastLoad:
    load = fast_loader(schema)
    assert load is not None
    return load


def shape(value: Any) -> Any:
    """The value with its types, in which True is not 1 and 1.0 is not either."""
    match value:
        case Hold():
            return ("Hold", shape(value.seat_ids), shape(value.quantity), value.seat_type)
        case dict():
            return {name: shape(member) for name, member in value.items()}
        case list():
            return [shape(member) for member in value]
    return type(value), value


def has_floats(value: Any) -> bool:
    match value:
        case dict():
            return any(map(has_floats, value.values()))
        case list():
            return any(map(has_floats, value))
    return isinstance(value, float)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@settings(max_examples=300, deadline=None, derandomize=True)
@given(body=bodies)
@example(body={"seat_ids": [True]})
@example(body={"seat_ids": [1, True]})
@example(body={"seat_ids": [1.0]})
@example(body={"seat_ids": [0]})
@example(body={"seat_ids": [MAX_ID]})
@example(body={"seat_ids": [MAX_ID + 1]})
@example(body={"seat_ids": ["1"]})
@example(body={"seat_ids": [3, 3]})
@example(body={"seat_ids": []})
@example(body={"seat_ids": list(range(1, HIGHEST_MAX_SEATS + 1))})
@example(body={"seat_ids": list(range(1, HIGHEST_MAX_SEATS + 2))})
@example(body={"seat_ids": [1], "more": 1})
@example(body={"quantity": 1})
@example(body={"quantity": True})
@example(body={"quantity": 0})
@example(body={"quantity": HIGHEST_MAX_SEATS})
@example(body={"quantity": HIGHEST_MAX_SEATS + 1})
@example(body={"quantity": 1, "seat_ids": [1]})
@example(body={"quantity": None, "seat_ids": [1]})
@example(body={"seat_ids": [1], "seat_type": "regular"})
@example(body={})
@example(body=[1])
@example(body=None)
def test_the_fast_loader_agrees_with_the_schema(schema: Input, body: Any) -> None:
    loaded = loader(schema)(body)
    try:
        right = schema.load(body)
    except ValidationError:
        assert loaded is FALL_BACK
    else:
        # 1.0 is an integer in JSON, but rare: it may fall back. So may a body with two members.
        assert loaded is not FALL_BACK or has_floats(body) or len(body) > 1, "a valid body falls back"
        assert loaded is FALL_BACK or shape(loaded) == shape(right)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ids=good_ids, room=good_rooms)
def test_valid_bodies_do_not_fall_back(ids: list[int], room: dict[str, Any]) -> None:
    assert loader(HoldInput())({"seat_ids": ids}) == Hold(ids)
    assert loader(HoldInput())({"quantity": len(ids)}) == Hold(quantity=len(ids))
    assert loader(Rooms())(room) == room


@settings(max_examples=100, deadline=None, derandomize=True)
@given(body=bodies)
def test_a_fast_load_does_not_change_the_body(body: Any) -> None:
    before = shape(body)
    for schema in SCHEMAS.values():
        loader(schema)(body)
    assert shape(body) == before


class Hooked(HoldInput):
    """A rule over all members."""

    @validates_schema
    def _no_sevens(self, data: Any, **_: object) -> None:
        if data.seat_ids == [7]:
            raise ValidationError("Not seven.")


class Preprocessed(HoldInput):
    """A hook that may change the body."""

    @pre_load
    def _preprocess(self, data: Any, **_: object) -> Any:
        return data


class Lenient(HoldInput):
    """Unknown members are left out."""

    class Meta:
        """Of marshmallow."""

        unknown = EXCLUDE


class WithRequired(Input):
    """One of two fields, and a third in any case."""

    exactly_one_of = ("id", "number")
    id = Id()
    number = BoundedInteger(1, 9)
    text = Text(5, required=True)


class WithDefault(WithRequired):
    """The third field need not be sent, but is always loaded."""

    text = Text(5, load_default="")


class AllRequired(Input):
    """No alternatives."""

    it = Id(required=True)


def with_field(field: fields.Field[Any]) -> Input:
    """A schema with this one alternative."""
    schema = type("Schema", (Input,), {"it": field, "exactly_one_of": ("it",)})()
    assert isinstance(schema, Input)
    return schema


class Foreign(Schema):
    """Not an Input."""

    it = Id(required=True)


UNSUPPORTED: dict[str, Schema] = {
    "hook": Hooked(),
    "hook before": Preprocessed(),
    "unknown fields excluded": Lenient(),
    "unknown fields included": HoldInput(unknown=INCLUDE),
    "not an Input": Foreign(),
    "no alternatives": AllRequired(),
    "a required field": WithRequired(),
    "a default": WithDefault(),
    "null": with_field(Id(allow_none=True)),
    "null for a list": with_field(fields.List(Id(), allow_none=True)),
    "null in a list": with_field(fields.List(Id(allow_none=True))),
    "another name": with_field(Id(data_key="other")),
    "text": with_field(Text(5)),
    "money": with_field(Money()),
    "integer that takes strings": with_field(fields.Integer(validate=validate.Range(1, 2))),
    "subclass of an integer": with_field(type("Odd", (BoundedInteger,), {})(1, 9)),
    "subclass of a list": with_field(type("Odd", (fields.List,), {})(Id())),
    "text in a list": with_field(fields.List(Text(5))),
    "list of lists of text": with_field(fields.List(fields.List(Text(5)))),
}


@pytest.mark.parametrize("schema", UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_a_schema_with_unknown_rules_has_no_fast_loader(schema: Schema) -> None:
    assert fast_loader(schema) is None


def test_an_integer_with_other_rules_has_no_fast_loader() -> None:
    odd, unbounded, open_ended = BoundedInteger(1, 9), BoundedInteger(1, 9), BoundedInteger(1, 9)
    odd.validators.append(validate.OneOf([1, 3]))
    unbounded.validators[:] = [validate.Range(1)]
    open_ended.validators[:] = [validate.Range(1, 9, max_inclusive=False)]
    for field in (odd, unbounded, open_ended):
        assert fast_loader(with_field(field)) is None


def test_metadata_and_the_same_data_key_make_no_difference() -> None:
    assert fast_loader(with_field(Id(metadata={"description": "Which."}))) is not None
    assert fast_loader(with_field(Id(data_key="it"))) is not None


def test_only_the_hold_has_a_fast_loader() -> None:
    """If another operation gets one, SCHEMAS should have its schema."""
    taken = {operation.path: operation.body for table in TABLES for operation in table.operations if operation.body}
    assert [path for path, body in taken.items() if fast_loader(body)] == ["/showtimes/{showtime_id}/holds"]


class Unusable(HoldInput):
    """A schema that must not be used."""

    def load(self, *_: object, **__: object) -> object:
        raise AssertionError("used")


async def test_an_operation_loads_a_valid_body_without_the_schema() -> None:
    routes = Routes("Test")

    @routes.add("POST", "/", body=Unusable())
    async def handler(request: web.Request) -> web.StreamResponse:
        """Nothing."""
        made: Hold = request[BODY]
        return web.json_response(made.seat_ids)

    app = web.Application()
    app.add_routes(route_definitions([routes]))
    async with TestClient(TestServer(app)) as client:
        async with client.post("/", json={"seat_ids": [2, 1]}) as answer:
            assert (answer.status, await answer.json()) == (200, [2, 1])
        async with client.post("/", json={"seat_ids": [2, 2]}) as answer:
            assert answer.status == 500
