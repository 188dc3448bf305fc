"""Which run of this process's relay has moved an event, for the spans of the deliveries that it caused."""

from collections import deque

KEPT_RUNS = 256


class RelayedEvents:
    """The ids of the events of the last runs that have a span."""

    def __init__(self) -> None:
        self._runs: deque[tuple[int, int, str]] = deque(maxlen=KEPT_RUNS)

    def add(self, first_event_id: int, last_event_id: int, traceparent: str) -> None:
        """Keep the `traceparent` of a run."""
        self._runs.append((first_event_id, last_event_id, traceparent))

    def traceparent_of(self, event_id: int | None) -> str | None:
        """That of the run which has moved an event; None if another process has, or if it is long ago."""
        if event_id is None:
            return None
        runs = (run for first, last, run in reversed(self._runs) if first <= event_id <= last)
        return next(runs, None)
