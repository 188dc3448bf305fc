"""Administration of showtimes in batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...catalog import showtime_batches as service
from ...catalog.schemas import ShowtimeBody
from ...catalog.showtime_batches import Outcomes
from ...db.repository.showtimes import ShowtimeInput
from ...errors import BatchRefused
from ...runtime.fields import Id, Input, InvalidItem, PartialList, StrictBoolean
from ...runtime.validation import invalid
from ..app_keys import BODY, CATALOG_CONTEXT
from ..output.problems import failed_item
from ..output.responses import json_response
from ..output.schemas import ShowtimeOutput
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes

MAX_BATCH = 1000

routes = Routes("Administration: showtimes", read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)


@dataclass(frozen=True, slots=True)
class Batch:
    """Showtimes to create, with the invalid ones in their places."""

    showtimes: Sequence[ShowtimeInput | InvalidItem]
    all_or_nothing: bool


class ShowtimesBatchBody(Input):
    """Showtimes to create."""

    loads_as = Batch
    showtimes = PartialList(ShowtimeBody(), MAX_BATCH, required=True)
    all_or_nothing = StrictBoolean(
        load_default=False,
        metadata={"description": "Whether one failure keeps all from being created"},
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


@routes.add(
    "POST",
    "/admin/showtimes/batch",
    access=Access.ADMIN,
    body=ShowtimesBatchBody(),
    output=ShowtimesBatchOutput(),
    raises=(BatchRefused,),
)
async def create_showtimes(request: web.Request) -> web.StreamResponse:
    """Create up to 1000 showtimes in one transaction, with one result each.

    A showtime fails if it is not valid, or if it overlaps an existing showtime or one before it in the batch that did
    not fail. With `all_or_nothing`, any failure makes the response a 409 `batch_refused` with all failures, and nothing
    is created.
    """
    batch: Batch = request[BODY]
    numbered = list(enumerate(batch.showtimes))
    outcomes = await service.add_showtimes(
        request.app[CATALOG_CONTEXT],
        wanted={index: item for index, item in numbered if not isinstance(item, InvalidItem)},
        failed={index: invalid(item.messages) for index, item in numbered if isinstance(item, InvalidItem)},
        all_or_nothing=batch.all_or_nothing,
    )
    return json_response(_results(outcomes))


def _results(outcomes: Outcomes) -> dict[str, Any]:
    results: dict[int, dict[str, Any]] = {
        index: {"index": index, "status": "created", "showtime": showtime}
        for index, showtime in outcomes.created.items()
    }
    results |= {index: failed_item(index, error) for index, error in outcomes.failed.items()}
    return {
        "created": len(outcomes.created),
        "failed": len(outcomes.failed),
        "results": [results[index] for index in sorted(results)],
    }
