"""The seats of a room: written as text, checked, drawn, and saved when what it changes has been shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from aiohttp import web

from ....errors import CapacityExceeded, DomainError, InUse
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM
from ...seat_plan.changes import PlanChanges, changes_of, spans_of, with_places
from ...seat_plan.drawing import draw, type_class
from ...seat_plan.planned_seats import PlannedSeat, seat_of
from ...seat_plan.text_reader import MOST_SEATS, ReadPlan, read_plan
from ...seat_plan.text_writer import letters_of, write_plan

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

PATH = r"/manage/rooms/{auditorium_id:\d+}/seats"
MOST_SHOWTIMES = 1000
LONGEST_SHOWTIME = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """A room as it is now."""

    room: Mapping[str, Any]
    etag: str
    seats: Sequence[PlannedSeat]


@dataclass(slots=True)
class Editing:
    """What the page shows: a text, what it says and changes, and why it was not saved."""

    stored: StoredRoom
    text: str
    is_checked: bool = False  # whether the page tells what saving does
    error: str | None = None
    kept: list[PlannedSeat] = field(default_factory=list)  # that the API does not let go
    plan: ReadPlan = field(init=False)
    changes: PlanChanges = field(init=False)

    def __post_init__(self) -> None:
        self.plan = read_plan(self.text)
        self.changes = changes_of(self.stored.seats, self.plan.seats)

    @property
    def is_too_large(self) -> bool:
        """Whether the plan has more seats than the room may have."""
        return len(self.plan.seats) > int(self.stored.room["capacity"])

    @property
    def can_be_saved(self) -> bool:
        """Whether this service finds nothing wrong; the API may still refuse it."""
        return not self.plan.errors and not self.is_too_large

    @property
    def digest(self) -> str:
        """Of the text and of the seats that it was compared with."""
        return blake2b(f"{self.stored.etag}\n{self.text}".encode(), digest_size=16).hexdigest()


@pages.get(PATH)
async def edit_seats(request: web.Request) -> web.StreamResponse:
    """The plan as text, and drawn."""
    stored = await _stored(request)
    return await _page(request, Editing(stored, write_plan(stored.seats)))


@pages.post(PATH)
async def save_seats(request: web.Request) -> web.StreamResponse:
    """Check a text, or save one whose changes the page has shown; another text is checked first."""
    form, stored = request[FORM], await _stored(request)
    editing = Editing(stored, form.get("plan", "").replace("\r\n", "\n"), is_checked=True)
    if form.get("step") == "place" and not editing.plan.errors:
        editing = Editing(stored, write_plan(with_places(editing.plan.seats)), is_checked=True)
    elif form.get("step") == "save" and editing.can_be_saved and form.get("checked") == editing.digest:
        try:
            await _save(request, editing)
        except DomainError as error:
            await _refuse(request, editing, error)
        else:
            return see_other(f"{request.path}?done=saved")
    return await _page(request, editing)


async def _save(request: web.Request, editing: Editing) -> None:
    body = {"seats": [seat.body() for seat in editing.plan.seats]}
    path = f"/admin/auditoriums/{request.match_info['auditorium_id']}/seats"
    await ApiClient(request).put(path, body, etag=editing.stored.etag)


async def _refuse(request: web.Request, editing: Editing, error: DomainError) -> None:
    """Show a refusal; in the drawing if it is about seats. Raises what it is not about the plan."""
    if isinstance(error, InUse):
        named: Any = error.details.get("seats", [])
        labels = {(seat["row_label"], seat["seat_number"]) for seat in named}
        editing.kept = [seat for seat in editing.stored.seats if seat.label in labels]
    elif not isinstance(error, CapacityExceeded):
        editing.stored = await _stored(request)
        editing.changes = changes_of(editing.stored.seats, editing.plan.seats)
    editing.error = refused_form(request, error).error


async def _stored(request: web.Request) -> StoredRoom:
    api, path = ApiClient(request), f"/admin/auditoriums/{request.match_info['auditorium_id']}"
    room = await api.call("GET", path)  # before the seats, so that its ETag is not newer than they are
    seats = await api.every(f"{path}/seats", most=MOST_SEATS)
    return StoredRoom(room.json, room.etag or "", [seat_of(seat) for seat in seats])


async def _page(request: web.Request, editing: Editing) -> web.StreamResponse:
    plan, changes, kept = editing.plan, editing.changes, editing.kept
    letters = letters_of(plan.seats)
    outlined = {"added": changes.added, "changed": changes.changed, "removed": changes.removed, "kept": kept}
    return render(
        request,
        "manage/seats.html",
        status=422 if editing.is_checked and not editing.can_be_saved else 409 if editing.error else 200,
        editing=editing,
        room=editing.stored.room,
        plan=plan,
        lines=editing.text.split("\n"),
        legend=[(letter, kind, type_class(kind)) for kind, letter in letters.items()],
        drawing=draw(plan.seats, letters, outlined if editing.is_checked and editing.can_be_saved else {}),
        spans=spans_of,
        open_showtimes=await _open_showtimes(request) if editing.is_checked and changes else 0,
        has_unplaced=any(seat.x is None for seat in plan.seats),
    )


async def _open_showtimes(request: web.Request) -> int:
    """The number of the room's showtimes that are not over, whose seats change with the plan."""
    now = datetime.now(UTC)
    found = await ApiClient(request).every(
        "/admin/showtimes",
        most=MOST_SHOWTIMES,
        auditorium_id=request.match_info["auditorium_id"],
        status="scheduled",
        **{"from": (now - LONGEST_SHOWTIME).isoformat()},
    )
    return sum(datetime.fromisoformat(showtime["ends_at"]) > now for showtime in found)
