"""What a page shows of a showtime's seats: the drawing, which is kept in memory, with the statuses of now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aiohttp import web
from markupsafe import Markup

from ...errors import Unavailable
from ...http.app_keys import SETTINGS
from ...seatmap.bounded_cache import BoundedCache
from ..api_client import ApiClient
from ..request_keys import LANGUAGE
from .drawing import DrawnSeat, SeatDrawing, Zone, draw_seats

MAX_DRAWN_BYTES = 32 * 1024 * 1024  # some 200 rooms of 300 seats, each at one price in one language
READING_TRIES = 3  # a layout may change between its statuses and itself

# By auditorium, base price, currency and locale.
DrawingKey = tuple[int, str, str, str]
DRAWINGS: "web.AppKey[BoundedCache[DrawingKey, SeatDrawing]]" = web.AppKey("DRAWINGS", BoundedCache)


@dataclass(frozen=True, slots=True)
class SeatMapView:
    """The context `seat_map` of the template seat_map.html."""

    showtime_id: int
    version: int  # of the map, from which on its events are followed
    markup: Markup
    zones: Sequence[Zone]
    chosen: Sequence[DrawnSeat]  # in the order in which they were chosen
    lost: Sequence[DrawnSeat]  # chosen, but held or booked by another customer
    has_own: bool
    available: int
    most: int  # seats that can be chosen


def add_drawings(app: web.Application) -> None:
    """Prepare the memory of drawings."""
    app[DRAWINGS] = BoundedCache(MAX_DRAWN_BYTES, lambda drawing: drawing.size)


async def seat_map(
    request: web.Request,
    showtime: Mapping[str, Any],
    *,
    chosen: Sequence[int] = (),
    lost: Collection[int] = (),
    own: Collection[int] = (),
    own_stay: bool = False,
    most: int | None = None,
) -> SeatMapView:
    """The seats of a showtime of the API, as they are now.

    Chosen seats that another customer holds or has booked are lost, as are those that the caller names. `own` are seats
    of a reservation that is changed: they can be chosen again, or with `own_stay` stay its own. `most` is the number of
    seats that can be chosen, by default MAX_SEATS_PER_HOLD.
    """
    drawing, found = await _read(request, showtime)
    statuses, states, kept, gone = found["statuses"], {}, [], []
    for seat_id in own:
        if (index := drawing.index_of.get(seat_id)) is not None:
            states[index] = "own-kept" if own_stay else "own"
    for seat_id in dict.fromkeys([*chosen, *lost]):
        index = drawing.index_of.get(seat_id)
        if index is None or states.get(index) == "own-kept":
            continue
        if states.get(index) == "own":
            states[index] = "own-chosen"
            kept.append(drawing.seats[index])
        elif statuses[index] != "a" or seat_id in lost:
            states[index] = "lost"
            gone.append(drawing.seats[index])
        else:
            states[index] = "chosen"
            kept.append(drawing.seats[index])
    return SeatMapView(
        showtime["id"],
        found["version"],
        drawing.fill(statuses, states),
        drawing.zones,
        kept,
        gone,
        bool(own),
        statuses.count("a"),
        request.app[SETTINGS].max_seats_per_hold if most is None else most,
    )


async def _read(request: web.Request, showtime: Mapping[str, Any]) -> tuple[SeatDrawing, dict[str, Any]]:
    """The drawing of a showtime's room, and the statuses of its seats."""
    api, language, currency = ApiClient(request), request[LANGUAGE], showtime["currency"]
    drawings, path = request.app[DRAWINGS], f"/showtimes/{showtime['id']}/seats"
    for _ in range(READING_TRIES):
        found = await api.get(path, fields="status")
        room_id = found["auditorium_id"]
        key = room_id, showtime["base_price"], currency, f"{language.code} {language.locale}"
        drawing = drawings.get(key)
        known = {} if drawing is None or drawing.layout_etag is None else {"If-None-Match": drawing.layout_etag}
        # It is 304 for the layout that is drawn already; its ETag also tells whether PostgreSQL was restored.
        layout = await api.call("GET", f"/auditoriums/{room_id}/layout", headers=known)
        drawing = drawings.get(key) or drawing  # another request may have drawn it in the meantime
        if drawing is None or (layout.json is not None and layout.etag != drawing.layout_etag):
            base_price = Decimal(showtime["base_price"])
            drawing = draw_seats(layout.json, layout.etag, base_price=base_price, currency=currency, language=language)
            drawings.put(key, drawing)
        if drawing.layout_version == found["layout_version"]:
            return drawing, found
    raise Unavailable  # the plan is being changed again and again
