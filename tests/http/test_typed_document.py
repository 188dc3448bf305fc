"""What typed clients need: named types, discriminated alternatives, links between operations."""

from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from reservation.app import TABLES
from reservation.commands.main import commands
from reservation.http.openapi.document import document
from reservation.http.output.problems import STATUS_AND_CODE

READ = {
    "confirm_reservation",
    "extend_reservation",
    "cancel_reservation",
    "add_seats",
    "exchange_seats",
    "get_showtime",
    "pay_reservation",
    "list_payments",
    "list_tickets",
    "get_tickets_pdf",
    "get_calendar_entry",
}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document(TABLES, version="1", currency="EUR", max_body_bytes=4096)


def schema(made: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = made["components"]["schemas"][name]
    return found


def problem_schema(made: dict[str, Any], method: str, path: str, status: int) -> str:
    """The name of the schema of an operation's problems of this status."""
    response = made["paths"][path][method]["responses"][str(status)]["$ref"].rpartition("/")[2]
    sent = made["components"]["responses"][response]["content"]["application/problem+json"]["schema"]
    return str(sent["$ref"].rpartition("/")[2])


def links(made: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    found: dict[str, Any] = made["paths"][path][method]["responses"][str(status)].get("links", {})
    return found


def test_each_problem_code_has_a_schema_of_its_own(made: dict[str, Any]) -> None:
    problem = schema(made, "SeatsUnavailableProblem")
    assert problem["properties"]["status"] == {"type": "integer", "const": 409}
    assert problem["properties"]["code"]["const"] == "seats_unavailable"
    assert "seats" in problem["required"]
    assert "seats" not in schema(made, "ShowtimeStartedProblem")["properties"]
    codes = [
        one["properties"]["code"]["const"] for name, one in made["components"]["schemas"].items() if "Problem" in name
    ]
    assert len(codes) == len(set(codes))
    assert {code for _, code in STATUS_AND_CODE.values()} <= {*codes}


def test_problems_that_share_a_status_are_told_apart_by_their_code(made: dict[str, Any]) -> None:
    assert problem_schema(made, "post", "/showtimes/{showtime_id}/holds", 409) == "CreateHoldConflict"
    sent = schema(made, "CreateHoldConflict")
    assert sent["discriminator"]["propertyName"] == "code"
    not_on_sale = {"not_on_sale", "sales_ended", "showtime_cancelled", "showtime_started"}
    assert set(sent["discriminator"]["mapping"]) == {
        "idempotency_in_flight",
        "seats_unavailable",
        "limit_reached",
        *not_on_sale,
    }
    assert [*sent["discriminator"]["mapping"].values()] == [one["$ref"] for one in sent["oneOf"]]


def test_the_problems_of_a_status_have_a_named_schema(made: dict[str, Any]) -> None:
    assert problem_schema(made, "post", "/auth/signup", 409) == "EmailTakenProblem"
    assert problem_schema(made, "post", "/showtimes/{showtime_id}/holds", 401) == "Unauthorized"
    assert problem_schema(made, "post", "/admin/movies", 403) == "Forbidden"
    assert problem_schema(made, "get", "/movies", 503) == "ServiceUnavailable"
    seen = 0
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            for status in (int(status) for status in operation["responses"] if int(status) >= 400):
                name, found = problem_schema(made, method, path, status), set[int]()
                one = schema(made, name)
                for reference in one.get("oneOf", [{"$ref": f"/{name}"}]):
                    found.add(schema(made, reference["$ref"].rpartition("/")[2])["properties"]["status"]["const"])
                assert found == {status}, name
                seen += "oneOf" in one
    assert seen > 100


def test_the_catalogue_comes_before_the_booking(made: dict[str, Any]) -> None:
    tags = [tag["name"] for tag in made["tags"]]
    assert tags.index("Catalogue") < tags.index("Seat map") < tags.index("Booking")
    assert tags[-1] == "Operations"


def test_shared_choices_are_one_schema(made: dict[str, Any]) -> None:
    reference = {"$ref": "#/components/schemas/Availability"}
    assert schema(made, "Availability") == {"type": "string", "enum": ["available", "held", "booked", "blocked"]}
    assert schema(made, "SeatStatus")["properties"]["status"] == reference
    [status] = [one for one in made["paths"]["/reservations"]["get"]["parameters"] if one["name"] == "status"]
    assert status["schema"] == {"$ref": "#/components/schemas/ReservationStatus"}


def test_seat_types_are_slugs(made: dict[str, Any]) -> None:
    for name in ("Seat", "SeatStatus", "LayoutSeat", "SeatBatchBody", "SeatBody", "HoldByQuantity"):
        kind = schema(made, name)["properties"]["seat_type"]
        assert (kind["type"], kind["pattern"], kind["maxLength"]) == ("string", "^[a-z0-9]+(-[a-z0-9]+)*$", 40)


def test_each_alternative_of_a_hold_has_a_schema(made: dict[str, Any]) -> None:
    assert [one["$ref"].rpartition("/")[2] for one in schema(made, "HoldInput")["oneOf"]] == [
        "HoldBySeatIds",
        "HoldBySeats",
        "HoldByQuantity",
    ]
    by_seats, by_quantity = schema(made, "HoldBySeatIds"), schema(made, "HoldByQuantity")
    own = {"reference", "metadata", "customer"}
    assert (set(by_seats["properties"]), by_seats["required"]) == ({"seat_ids", *own}, ["seat_ids"])
    assert (set(by_quantity["properties"]), by_quantity["required"]) == (
        {"quantity", "seat_type", "ticket_type_ids", *own},
        ["quantity"],
    )
    assert by_seats["additionalProperties"] is by_quantity["additionalProperties"] is False


def test_each_event_of_a_stream_has_a_schema_told_apart_by_its_name(made: dict[str, Any]) -> None:
    answer = made["paths"]["/showtimes/{showtime_id}/events"]["get"]["responses"]["200"]
    stream = answer["content"]["text/event-stream"]["schema"]
    assert stream == {"$ref": "#/components/schemas/FollowSeatMapEvent"}
    union = schema(made, "FollowSeatMapEvent")
    events = {
        name: schema(made, target.rpartition("/")[2]) for name, target in union["discriminator"]["mapping"].items()
    }
    assert union["discriminator"]["propertyName"] == "event"
    assert [one["$ref"] for one in union["oneOf"]] == [*union["discriminator"]["mapping"].values()]
    assert {name: event["properties"]["event"]["const"] for name, event in events.items()} == {
        name: name for name in ("snapshot", "seats", "reconnect", "gone")
    }
    for name in ("snapshot", "seats"):
        assert events[name]["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/SeatMap"}
        assert events[name]["required"] == ["event", "id", "data"]
    for name in ("reconnect", "gone"):
        assert events[name]["properties"]["data"]["contentSchema"]["type"] == "object"
        assert events[name]["required"] == ["event", "data"]


def test_a_created_resource_links_to_its_operations(made: dict[str, Any]) -> None:
    held = links(made, "post", "/showtimes/{showtime_id}/holds", 201)
    assert set(held) == READ | {"get_reservation"}
    assert held["confirm_reservation"]["parameters"] == {"reservation_id": "$response.body#/id"}
    assert held["get_showtime"]["parameters"] == {"showtime_id": "$response.body#/showtime_id"}
    movie = links(made, "post", "/admin/movies", 201)
    assert {"admin_get_movie", "replace_movie", "delete_movie", "get_movie", "list_movie_showtimes"} == set(movie)
    batch = links(made, "post", "/admin/auditoriums/{auditorium_id}/seats/batch", 201)
    seat = {"seat_id": "$response.body#/seats/0/id"}
    assert {name: link["parameters"] for name, link in batch.items()} == dict.fromkeys(
        ("get_seat", "replace_seat", "delete_seat"), seat
    )
    key = links(made, "post", "/admin/api-keys", 201)
    assert key["revoke_api_key"]["parameters"] == {"api_key_id": "$response.body#/id"}


def test_links_lead_from_public_to_public_and_from_lists_to_no_delete(made: dict[str, Any]) -> None:
    by_id = {
        operation["operationId"]: (method, path)
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    }
    for_staff = {
        (operation.method.lower(), operation.path)
        for table in TABLES
        for operation in table.operations
        if operation.access.roles
    }
    seen = 0
    for path, methods in made["paths"].items():
        for own_method, operation in methods.items():
            for response in operation["responses"].values():
                for link in response.get("links", {}).values():
                    seen += 1
                    method, target = by_id[link["operationId"]]
                    assert (own_method, path) in for_staff or (method, target) not in for_staff, (path, target)
                    assert method != "delete" or "/items/" not in str(link["parameters"]), (path, target)
                    assert all(f"{{{name}}}" in target for name in link["parameters"])
    assert seen > 50


def test_a_command_prints_the_document_without_any_store(made: dict[str, Any]) -> None:
    environment = {"CURRENCY": "EUR", "MAX_BODY_BYTES": "4096", "DATABASE_URL": "embedded", "REDIS_URL": "embedded"}
    result = CliRunner().invoke(commands, ["openapi"], env=environment)
    assert result.exit_code == 0, result.output
    printed = orjson.loads(result.stdout)
    assert printed["paths"].keys() == made["paths"].keys()
    assert printed["info"]["description"] == made["info"]["description"]
