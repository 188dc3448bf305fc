"""The quick yes of a compiled schema is the schema's own yes, and nothing else is."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import example, given, settings, strategies as st
from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from reservation.app import TABLES
from reservation.http.app_keys import BODY
from reservation.http.compiled import UNDECIDED, Quick, compile_schema
from reservation.http.handlers.holds import Hold, HoldInput
from reservation.http.routes import Routes
from reservation.runtime.fields import MAX_ID, Id, Input, Money, Text, Whole

HIGHEST_MAX_SEATS = 100


class Room(Input):
    """Two members and a list of its own, to see more than the one schema in use."""

    rows = Whole(-3, 7, required=True)
    owner = Id(required=True)
    doors = fields.List(Whole(0, 9), required=True, validate=validate.Length(0, 3))


SCHEMAS: dict[str, Input] = {"hold": HoldInput(), "room": Room()}

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
good_rooms = st.fixed_dictionaries(
    {"rows": st.integers(-3, 7), "owner": st.integers(1, MAX_ID), "doors": st.lists(st.integers(0, 9), max_size=3)}
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


def compiled(schema: Schema) -> Quick:
    quick = compile_schema(schema)
    assert quick is not None
    return quick


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
def test_the_quick_answer_is_the_schemas(schema: Input, body: Any) -> None:
    answer = compiled(schema)(body)
    try:
        right = schema.load(body)
    except ValidationError:
        assert answer is UNDECIDED
    else:
        # 1.0 is a whole number to JSON, but nobody writes it: it may take the long way.
        assert answer is not UNDECIDED or has_floats(body), "a good body takes the long way"
        assert answer is UNDECIDED or shape(answer) == shape(right)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ids=good_ids, room=good_rooms)
def test_good_bodies_are_made_quickly(ids: list[int], room: dict[str, Any]) -> None:
    assert compiled(HoldInput())({"seat_ids": ids}) == Hold(ids)
    assert compiled(HoldInput())({"quantity": len(ids)}) == Hold(quantity=len(ids))
    assert compiled(Room())(room) == room


@settings(max_examples=100, deadline=None, derandomize=True)
@given(body=bodies)
def test_a_look_does_not_change_the_body(body: Any) -> None:
    before = shape(body)
    for schema in SCHEMAS.values():
        compiled(schema)(body)
    assert shape(body) == before


class Hooked(HoldInput):
    """A rule over all members."""

    @validates_schema
    def _no_sevens(self, data: Any, **_: object) -> None:
        if data.seat_ids == [7]:
            raise ValidationError("Not seven.")


class Mended(HoldInput):
    """A change before the look."""

    @pre_load
    def _mend(self, data: Any, **_: object) -> Any:
        return data


class Lenient(HoldInput):
    """Unknown members are left out."""

    class Meta:
        """Of marshmallow."""

        unknown = EXCLUDE


class OneOf(Input):
    """One member or the other."""

    one_of = ("id", "text")
    id = Id()
    text = Text(5)


class OneOfWithRest(OneOf):
    """One member or the other, and another one always."""

    one_of = ("id", "number")
    number = Whole(1, 9)
    text = Text(5, required=True)


class OneOfWithDefault(OneOfWithRest):
    """The other one need not be sent, but is always there."""

    text = Text(5, load_default="")


class OneOfRenamed(Input):
    """The one has another name in JSON."""

    one_of = ("id",)
    id = Id(data_key="other")


def checked_list(item: fields.Field[Any]) -> Input:
    return with_field(fields.List(item, required=True))


def with_field(field: fields.Field[Any]) -> Input:
    schema = type("Schema", (Input,), {"it": field})()
    assert isinstance(schema, Input)
    return schema


class Foreign(Schema):
    """None of ours."""

    it = Id(required=True)


UNKNOWN: dict[str, Schema] = {
    "hook": Hooked(),
    "hook before": Mended(),
    "lenient": Lenient(),
    "lenient for once": HoldInput(unknown=INCLUDE),
    "not ours": Foreign(),
    "one of, which is text": OneOf(),
    "one of, and something required": OneOfWithRest(),
    "one of, and a default": OneOfWithDefault(),
    "one of, under another name": OneOfRenamed(),
    "optional": with_field(Id()),
    "default": with_field(Id(load_default=1)),
    "null": with_field(Id(required=True, allow_none=True)),
    "null for a list": with_field(fields.List(Id(), required=True, allow_none=True)),
    "null in a list": checked_list(Id(allow_none=True)),
    "another name": with_field(Id(required=True, data_key="other")),
    "text": with_field(Text(5, required=True)),
    "money": with_field(Money(required=True)),
    "lenient number": with_field(fields.Integer(required=True, validate=validate.Range(1, 2))),
    "kin of a number": with_field(type("Odd", (Whole,), {})(1, 9, required=True)),
    "kin of a list": with_field(type("Odd", (fields.List,), {})(Id(), required=True)),
    "text in a list": checked_list(Text(5)),
    "list of lists of text": checked_list(fields.List(Text(5))),
}


@pytest.mark.parametrize("schema", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_known_is_left_to_the_schema(schema: Schema) -> None:
    assert compile_schema(schema) is None


def test_another_rule_for_a_number_is_left_to_the_schema() -> None:
    odd, unbounded, open_ended = Whole(1, 9, required=True), Whole(1, 9, required=True), Whole(1, 9, required=True)
    odd.validators.append(validate.OneOf([1, 3]))
    unbounded.validators[:] = [validate.Range(1)]
    open_ended.validators[:] = [validate.Range(1, 9, max_inclusive=False)]
    for field in (odd, unbounded, open_ended):
        assert compile_schema(with_field(field)) is None


def test_what_only_documents_is_compiled() -> None:
    assert compile_schema(with_field(Id(required=True, metadata={"description": "Which."}))) is not None
    assert compile_schema(with_field(Id(required=True, data_key="it"))) is not None


def test_the_route_of_a_hold_has_the_compiled_form() -> None:
    quick = {operation.path: operation.quick for table in TABLES for operation in table.operations}
    hold = quick["/showtimes/{showtime_id}/holds"]
    assert hold is not None
    assert hold({"seat_ids": [3, 1]}) == Hold([3, 1])
    assert hold({"seat_ids": [3, 3]}) is UNDECIDED
    assert hold({"quantity": 2, "seat_type": "premium"}) is UNDECIDED  # right, but left to the schema
    assert quick["/auth/signup"] is None


class Mute(HoldInput):
    """A schema that must not be asked."""

    def load(self, *_: object, **__: object) -> object:
        raise AssertionError("asked")


async def test_a_good_body_is_not_shown_to_the_schema() -> None:
    routes = Routes("Test")

    @routes.add("POST", "/", body=Mute())
    async def handler(request: web.Request) -> web.StreamResponse:
        """Nothing."""
        made: Hold = request[BODY]
        return web.json_response(made.seat_ids)

    app = web.Application()
    app.add_routes(routes)
    async with TestClient(TestServer(app)) as client:
        async with client.post("/", json={"seat_ids": [2, 1]}) as answer:
            assert (answer.status, await answer.json()) == (200, [2, 1])
        async with client.post("/", json={"seat_ids": [2, 2]}) as answer:
            assert answer.status == 500
