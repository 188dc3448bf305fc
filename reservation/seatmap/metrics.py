"""What is counted of the live seat maps for /metrics."""

from ..runtime.metrics import Counter, Gauge, Histogram

VIEWERS = Gauge("reservation_live_viewers", "Clients that follow a seat map.")
MAPS = Gauge("reservation_live_maps", "Seat maps that are followed, or were so lately.")
MESSAGES_SENT = Counter("reservation_live_messages_sent", "Events, snapshots and heartbeats written to viewers.")
EVENTS_SKIPPED = Counter("reservation_live_events_skipped", "Events not written, since a viewer read too slowly.")
VIEWERS_DROPPED = Counter("reservation_live_viewers_dropped", "Viewers disconnected, since they read too slowly.")
EVENT_LAG = Histogram(
    "reservation_live_event_lag_seconds", "Time from the notification of a change until it was written to all viewers."
)
