"""Notifications of changed seat maps, which the Redis scripts publish for watched showtimes."""

from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from ..holds.keys import showtime_of


def channel_of(redis: Redis) -> str:
    """The channel of this Redis database; it has the database's number, since channels span all databases."""
    return f"reservation:maps:{redis.connection_pool.connection_kwargs.get('db', 0)}"


def deliver(changed: Callable[[int, int, Sequence[int]], None], message: str) -> None:
    """Call back with showtime, version and the seats that may differ; `message` is `MAP_KEY VERSION [SEAT_ID]...`.

    Any other message is ignored.
    """
    map_key, *numbers = message.split(" ")
    try:
        showtime_id = showtime_of(map_key)
        version, *seat_ids = map(int, numbers)
    except ValueError:
        return
    changed(showtime_id, version, seat_ids)
