"""The connection pools, sized for the threads that use them, and the scripts that take and drop holds."""

import os

from redis import BlockingConnectionPool, Redis
from sqlalchemy import create_engine

THREADS = int(os.environ.get("THREADS", "16"))

engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://", 1),
    pool_size=THREADS,
    max_overflow=0,
    executemany_mode="values_plus_batch",
    connect_args={"application_name": "fastapi"},
)

redis = Redis.from_pool(
    BlockingConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=THREADS, decode_responses=True)
)

# Takes all seats or none; returns the positions of those that others hold.
take = redis.register_script("""
local lost = {}
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then lost[#lost + 1] = i end
end
if #lost > 0 then return lost end
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[1], 'NX', 'EX', ARGV[2]) end
return lost
""")

# Deletes the keys that still belong to this reservation.
drop = redis.register_script("""
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
""")


def seat_keys(showtime_id: int, seat_ids: list[int]) -> list[str]:
    """The keys of seats, whose values are the reservations that hold them."""
    return [f"hold:{showtime_id}:{seat_id}" for seat_id in seat_ids]
