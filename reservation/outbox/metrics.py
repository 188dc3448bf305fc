"""What is counted of events and deliveries for /metrics."""

from ..runtime.metrics import Counter, CounterBy, GaugeBy, HistogramBy

CHANNELS = ("mail", "webhook")

EVENTS_MOVED = Counter("reservation_events", "Events that were moved from the outbox into the feed.")
ATTEMPTS = CounterBy(
    "reservation_delivery_attempts",
    "Attempts to make a delivery, by what came of them.",
    "channel",
    "outcome",
    known=[(channel, outcome) for channel in CHANNELS for outcome in ("delivered", "pending", "dead")],
)
ATTEMPT_SECONDS = HistogramBy("reservation_delivery_attempt_seconds", "Time that an attempt took.", "channel")
WAITING = GaugeBy(
    "reservation_outbox_waiting",
    "Rows that wait, counted up to 10,000: events in the outbox, deliveries of each channel, and dead letters.",
    "queue",
    merge="livemax",
)
DELAY_SECONDS = GaugeBy(
    "reservation_outbox_delay_seconds", "How long the oldest that is due has been waiting.", "queue", merge="livemax"
)
