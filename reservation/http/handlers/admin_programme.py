"""Administration of the programme: many showtimes in one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...catalog import showtime_batches as programme_batches
from ...catalog.schemas import ShowtimeBody
from ...catalog.showtime_batches import Outcomes
from ...db.repository.showtimes import ShowtimeInput
from ...errors import BatchRefused
from ...runtime.fields import Flag, Id, Input, InvalidItem, PartialList
from ...runtime.validation import invalid
from ..app_keys import BODY, CATALOG_CONTEXT
from ..problems import failure
from ..responses import answer
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import ShowtimeOutput

MAX_BATCH = 1000

routes = Routes("Administration: showtimes", read_with=CATALOGUE_OR_REPORTS, write_with=CATALOGUE)


@dataclass(frozen=True, slots=True)
class Batch:
    """Showtimes to create, those among them that cannot be tried, and what a failure means for the others."""

    showtimes: Sequence[ShowtimeInput | InvalidItem]
    all_or_nothing: bool


class ShowtimesBatchBody(Input):
    """A programme to create."""

    makes = Batch
    showtimes = PartialList(ShowtimeBody(), MAX_BATCH, required=True)
    all_or_nothing = Flag(
        load_default=False,
        metadata={"description": "Whether one that fails keeps all from being created"},
    )


class FieldErrorOutput(Schema):
    """One thing that is wrong with an item."""

    pointer = fields.String(required=True, metadata={"description": "Where in the item (RFC 6901)"})
    detail = fields.String(required=True)


class ItemErrorOutput(Schema):
    """The problem that the item would have had alone, without what is the same for all."""

    code = fields.String(required=True, validate=validate.OneOf(["validation_error", "showtime_overlap"]))
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldErrorOutput()), metadata={"description": "With validation_error"})
    conflicting_showtime_id = Id(
        metadata={"description": "With showtime_overlap: the showtime that has the auditorium, if it is still there"}
    )
    conflicting_index = fields.Integer(
        metadata={"description": "With showtime_overlap: that showtime's own position, if it is of this batch"}
    )


class ShowtimeOutcome(Schema):
    """What became of one showtime of a batch."""

    index = fields.Integer(required=True, metadata={"description": "Its position in what was sent, from 0"})
    status = fields.String(required=True, validate=validate.OneOf(["created", "failed"]))
    showtime = fields.Nested(ShowtimeOutput(), metadata={"description": "The showtime that was created"})
    error = fields.Nested(ItemErrorOutput(), metadata={"description": "Why it was not created"})


class ShowtimesBatchOutput(Schema):
    """What became of a batch, in the order in which it was sent."""

    created = fields.Integer(required=True, metadata={"description": "How many were created"})
    failed = fields.Integer(required=True, metadata={"description": "How many were not"})
    results = fields.List(fields.Nested(ShowtimeOutcome()), required=True)


@routes.add(
    "POST",
    "/admin/showtimes/batch",
    access=Access.ADMIN,
    body=ShowtimesBatchBody(),
    answer=ShowtimesBatchOutput(),
    raises=(BatchRefused,),
)
async def create_showtimes(request: web.Request) -> web.StreamResponse:
    """Create up to 1000 showtimes in one transaction, each with an outcome of its own.

    A showtime that overlaps one before it in the batch fails, as one that overlaps any other does; one that is not
    valid keeps no other out. With `all_or_nothing`, one failure keeps all from being created, and 409 `batch_refused`
    names every failure.
    """
    batch: Batch = request[BODY]
    numbered = list(enumerate(batch.showtimes))
    outcomes = await programme_batches.add_showtimes(
        request.app[CATALOG_CONTEXT],
        wanted={index: item for index, item in numbered if not isinstance(item, InvalidItem)},
        failed={index: invalid(item.messages) for index, item in numbered if isinstance(item, InvalidItem)},
        all_or_nothing=batch.all_or_nothing,
    )
    return answer(_results(outcomes))


def _results(outcomes: Outcomes) -> dict[str, Any]:
    results: dict[int, dict[str, Any]] = {
        index: {"index": index, "status": "created", "showtime": showtime}
        for index, showtime in outcomes.created.items()
    }
    results |= {index: failure(index, error) for index, error in outcomes.failed.items()}
    return {
        "created": len(outcomes.created),
        "failed": len(outcomes.failed),
        "results": [results[index] for index in sorted(results)],
    }
