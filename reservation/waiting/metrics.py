"""What waiting rooms count for /metrics."""

from ..runtime.metrics import Counter, Gauge

ADMISSIONS = Counter("reservation_waiting_room_admissions", "Answers of waiting rooms with an admission.")
PLACES = Counter("reservation_waiting_room_places", "Answers of waiting rooms with a place in the queue.")
FOLLOWERS = Gauge("reservation_waiting_room_followers", "Customers who follow their place in a queue by a stream.")
REFUSED_HOLDS = Counter("reservation_waiting_room_refused_holds", "Holds and exchanges refused without an admission.")
