"""Administration of showtimes."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from ...catalog import programme_copies, showtime_batches, showtimes as service, sold_showtimes
from ...catalog.programme_copies import ProgrammeCopy
from ...catalog.schemas import ShowtimeBody
from ...catalog.showtime_batches import Outcomes
from ...errors import (
    BatchRefused,
    HasReservations,
    HoldsUnavailable,
    InUse,
    ShowtimeCancelled,
    ShowtimeOverlap,
    ShowtimeStarted,
)
from ...runtime.fields import (
    BooleanParameter,
    BoundedInteger,
    Day,
    Id,
    Input,
    InvalidItem,
    PartialList,
    StrictBoolean,
    Text,
)
from ...runtime.validation import invalid
from ..app_keys import BODY, CATALOG_CONTEXT, QUERY
from ..input.path_ids import path_id
from ..input.showtime_filters import AdminShowtimesQuery, filters_of, span_of
from ..output.problems import failed_item
from ..output.responses import json_response
from ..output.schemas import ShowtimeOutput
from ..preconditions import precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import SHOWTIMES, get_showtime, shown_showtimes, showtimes_page

routes = Routes("Administration: showtimes", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)

MAX_BATCH = 1000
# Not /admin/showtimes/batch and /copy: other methods than POST are 405 there.
PATH = "/admin/showtimes/{showtime_id:(?!(?:batch|copy)$)[^/]+}"


class ForceQuery(Input):
    """Whether a change may concern customers."""

    force = BooleanParameter(
        load_default=False, metadata={"description": "Whether to change it although it is reserved"}
    )


class CancelShowtimeBody(Input):
    """Why a showtime is cancelled."""

    reason = Text(
        1000,
        lines=True,
        required=True,
        metadata={"description": "For customers", "examples": ["The projector is broken."]},
    )


class CancelledShowtimeOutput(ShowtimeOutput):
    """A showtime that is cancelled."""

    cancelled_reservations = fields.Integer(
        required=True, metadata={"description": "Number of holds and confirmed reservations cancelled with it"}
    )


class ShowtimesBatchBody(Input):
    """Showtimes to create."""

    showtimes = PartialList(ShowtimeBody(), MAX_BATCH, required=True)
    all_or_nothing = StrictBoolean(
        load_default=False, metadata={"description": "Whether one failure keeps all from being created"}
    )


class FieldErrorOutput(Schema):
    """One error in an item."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) into the item"})
    detail = fields.String(required=True)


class ItemErrorOutput(Schema):
    """The problem that a request with this item alone would get, without the members that are equal for all items."""

    code = fields.String(required=True, validate=validate.OneOf(["validation_error", "showtime_overlap"]))
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldErrorOutput()), metadata={"description": "With validation_error"})
    conflicting_showtime_id = Id(
        metadata={"description": "With showtime_overlap: the other showtime, if it still exists"}
    )
    conflicting_index = fields.Integer(
        metadata={"description": "With showtime_overlap: the other showtime's index, if it is in this batch"}
    )


class ShowtimeOutcome(Schema):
    """The result of one showtime of a batch."""

    index = fields.Integer(required=True, metadata={"description": "Position in the request, from 0"})
    status = fields.String(required=True, validate=validate.OneOf(["created", "failed"]))
    showtime = fields.Nested(ShowtimeOutput(), metadata={"description": "The showtime that was created"})
    error = fields.Nested(ItemErrorOutput(), metadata={"description": "Why it was not created"})


class ShowtimesBatchOutput(Schema):
    """The results of a batch, in the order of the request."""

    created = fields.Integer(required=True, metadata={"description": "Number of created showtimes"})
    failed = fields.Integer(required=True, metadata={"description": "Number of failed showtimes"})
    results = fields.List(fields.Nested(ShowtimeOutcome()), required=True)


class CopyProgrammeBody(Input):
    """The days of a cinema to copy, and by how many days the copies are later."""

    cinema_id = Id(required=True)
    first = Day(required=True, data_key="from", metadata={"description": "The first day, in the cinema's time zone"})
    last = Day(required=True, data_key="to", metadata={"description": "The last day, which is copied, too"})
    shift_days = BoundedInteger(1, 3660, required=True, metadata={"examples": [7]})
    waiting_room = StrictBoolean(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Whether the copies have waiting rooms; if not given, where the original or its movie has"
        },
    )

    @validates_schema
    def _in_order(self, data: Mapping[str, Any], **_: object) -> None:
        if data["last"] < data["first"]:
            raise ValidationError("Must not be earlier than from.", "to")


class CopiedShowtimeOutcome(ShowtimeOutcome):
    """The result of one copied showtime."""

    copied_from = Id(required=True, metadata={"description": "The showtime that was copied"})


class ShowtimesCopyOutput(ShowtimesBatchOutput):
    """The results of a copy, in the order of the showtimes' start."""

    results = fields.List(fields.Nested(CopiedShowtimeOutcome()), required=True)


@routes.add(
    "POST",
    "/admin/showtimes",
    body=ShowtimeBody(),
    status=201,
    output=ShowtimeOutput(),
    raises=(ShowtimeOverlap,),
    etag=True,
)
async def create_showtime(request: web.Request) -> web.StreamResponse:
    """Create a showtime; the auditorium must be free from starts_at to ends_at, and CLEANING_MINUTES longer."""
    made = await service.add_showtime(request.app[CATALOG_CONTEXT], showtime=request[BODY])
    [shown] = await shown_showtimes(request, [made])
    return response_with_etag(shown, version=made, location=f"/admin/showtimes/{made.id}")


@routes.add("GET", "/admin/showtimes", query=AdminShowtimesQuery(), output=SHOWTIMES)
async def admin_list_showtimes(request: web.Request) -> web.StreamResponse:
    """All showtimes in the order of starts_at, including past and cancelled ones."""
    return await showtimes_page(request, span_of(request[QUERY], past=True), filters_of(request[QUERY]))


routes.add("GET", PATH, output=ShowtimeOutput(), etag=True)(get_showtime)


@routes.add(
    "PUT",
    PATH,
    query=ForceQuery(),
    body=ShowtimeBody(),
    output=ShowtimeOutput(),
    raises=(ShowtimeCancelled, ShowtimeOverlap, HasReservations, InUse, HoldsUnavailable),
    etag=True,
)
async def replace_showtime(request: web.Request) -> web.StreamResponse:
    """Replace a showtime.

    While it has live holds or confirmed reservations, its film, auditorium, start and end change only with `force`, and
    the auditorium only to one that has seats of the same rows and numbers for them; the reservations stay. A showtime
    with archived reservations keeps its auditorium and time. A cancelled showtime does not change.
    """
    showtime = await service.update_showtime(
        request.app[CATALOG_CONTEXT],
        showtime_id=path_id(request, "showtime_id"),
        showtime=request[BODY],
        force=request[QUERY]["force"],
        check=precondition(request),
    )
    [shown] = await shown_showtimes(request, [showtime])
    return response_with_etag(shown, version=showtime)


@routes.add("DELETE", PATH, status=204, raises=(InUse,), etag=True)
async def delete_showtime(request: web.Request) -> web.StreamResponse:
    """Delete a showtime that was never reserved."""
    showtime_id = path_id(request, "showtime_id")
    await service.delete_showtime(request.app[CATALOG_CONTEXT], showtime_id=showtime_id, check=precondition(request))
    return web.Response(status=204)


@routes.add(
    "POST",
    f"{PATH}/cancel",
    body=CancelShowtimeBody(),
    output=CancelledShowtimeOutput(),
    raises=(ShowtimeStarted,),
)
async def cancel_showtime(request: web.Request) -> web.StreamResponse:
    """Call off a showtime that has not started: it is cancelled, with its live holds and confirmed reservations.

    Their seats and the auditorium are free at once. To call it off again changes nothing and gives the same answer. A
    cancelled showtime cannot be restored.
    """
    cancelled = await sold_showtimes.cancel_showtime(
        request.app[CATALOG_CONTEXT],
        showtime_id=path_id(request, "showtime_id"),
        reason=request[BODY]["reason"],
    )
    [shown] = await shown_showtimes(request, [cancelled.showtime])
    return json_response(shown | {"cancelled_reservations": cancelled.reservations})


@routes.add(
    "POST", "/admin/showtimes/batch", body=ShowtimesBatchBody(), output=ShowtimesBatchOutput(), raises=(BatchRefused,)
)
async def create_showtimes(request: web.Request) -> web.StreamResponse:
    """Create up to 1000 showtimes in one transaction, with one result each.

    A showtime fails if it is not valid, or if it overlaps an existing showtime or one before it in the batch that did
    not fail. With `all_or_nothing`, any failure makes the response a 409 `batch_refused` with all failures, and nothing
    is created.
    """
    numbered = list(enumerate(request[BODY]["showtimes"]))
    outcomes = await showtime_batches.add_showtimes(
        request.app[CATALOG_CONTEXT],
        wanted={index: item for index, item in numbered if not isinstance(item, InvalidItem)},
        failed={index: invalid(item.messages) for index, item in numbered if isinstance(item, InvalidItem)},
        all_or_nothing=request[BODY]["all_or_nothing"],
    )
    return json_response(await _shown_outcomes(request, outcomes))


@routes.add("POST", "/admin/showtimes/copy", body=CopyProgrammeBody(), output=ShowtimesCopyOutput())
async def copy_programme(request: web.Request) -> web.StreamResponse:
    """Copy the scheduled showtimes of some days of a cinema, up to 1000, each with one result as in a batch.

    A copy starts some days later at the same time of day in the cinema's time zone, and so does its sale; it is as long
    as the original, at its price. Without `waiting_room` in the body, it has a waiting room if the original or its
    movie has one. `index` counts the originals in the order of their start.
    """
    body = request[BODY]
    wanted = ProgrammeCopy(body["cinema_id"], body["first"], body["last"], body["shift_days"], body["waiting_room"])
    copies = await programme_copies.copy_programme(request.app[CATALOG_CONTEXT], wanted=wanted)
    shown = await _shown_outcomes(request, copies.outcomes)
    for result in shown["results"]:
        result["copied_from"] = copies.originals[result["index"]].id
    return json_response(shown)


async def _shown_outcomes(request: web.Request, outcomes: Outcomes) -> dict[str, Any]:
    made = await shown_showtimes(request, [*outcomes.created.values()])
    created = [
        {"index": index, "status": "created", "showtime": shown}
        for index, shown in zip(outcomes.created, made, strict=True)
    ]
    failed = [failed_item(index, error) for index, error in outcomes.failed.items()]
    results: list[dict[str, Any]] = [*created, *failed]
    results.sort(key=itemgetter("index"))
    return {"created": len(created), "failed": len(failed), "results": results}
