"""The fast loader of a hold's body returns what the schema would, or falls back to the schema."""

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import example, given, settings, strategies as st
from marshmallow import ValidationError

from reservation.http.app_keys import BODY
from reservation.http.dispatch import route_definitions
from reservation.http.handlers.holds import HoldInput, load_fast
from reservation.http.routes import Routes
from reservation.runtime.fields import MAX_ID
from reservation.settings import HIGHEST_MAX_SEATS

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
quantities = st.integers(1, HIGHEST_MAX_SEATS).map(lambda quantity: {"quantity": quantity})
bodies = st.one_of(
    good_ids.map(lambda ids: {"seat_ids": ids}),
    nearly_ids.map(lambda ids: {"seat_ids": ids}),
    st.fixed_dictionaries({}, optional={"seat_ids": nearly_ids, "seat_id": nearly_ids, "": scalars}),
    quantities,
    st.fixed_dictionaries({"quantity": st.integers(-1, 102) | anything}, optional={"seat_ids": good_ids, "": scalars}),
    anything,
)


def shape(value: Any) -> Any:
    """The value with its types, in which True is not 1 and 1.0 is not either."""
    match value:
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
def test_the_fast_loader_agrees_with_the_schema(body: Any) -> None:
    loaded = load_fast(body)
    try:
        right = HoldInput().load(body)
    except ValidationError:
        assert loaded is None
    else:
        # 1.0 is an integer in JSON, but rare: it may fall back. So may a body with two members.
        assert loaded is not None or has_floats(body) or len(body) > 1, "a valid body falls back"
        assert loaded is None or shape(loaded) == shape(right)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(ids=good_ids)
def test_valid_bodies_do_not_fall_back(ids: list[Any]) -> None:
    assert load_fast({"seat_ids": ids}) == {"seat_ids": ids}
    assert load_fast({"quantity": len(ids)}) == {"quantity": len(ids)}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(body=bodies)
def test_a_fast_load_does_not_change_the_body(body: Any) -> None:
    before = shape(body)
    load_fast(body)
    assert shape(body) == before


class Unusable(HoldInput):
    """A schema that must not be used."""

    def load(self, *_: object, **__: object) -> object:
        raise AssertionError("used")


async def test_an_operation_loads_a_valid_body_without_the_schema() -> None:
    routes = Routes("Test")

    @routes.add("POST", "/", body=Unusable(), fast_load=load_fast)
    async def handler(request: web.Request) -> web.StreamResponse:
        """Nothing."""
        return web.json_response(request[BODY]["seat_ids"])

    app = web.Application()
    app.add_routes(route_definitions([routes]))
    async with TestClient(TestServer(app)) as client:
        async with client.post("/", json={"seat_ids": [2, 1]}) as answer:
            assert (answer.status, await answer.json()) == (200, [2, 1])
        async with client.post("/", json={"seat_ids": [2, 2]}) as answer:
            assert answer.status == 500
