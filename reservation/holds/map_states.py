"""What Redis says of a seat map: its version, the seats held in it, and since when its changes are published."""

from typing import NamedTuple


class MapState(NamedTuple):
    """A seat map's version, and the version at which its seats or prices last changed."""

    version: int
    layout: int


class Snapshot(NamedTuple):
    """A seat map's state, and the seats held in it."""

    state: MapState
    held: frozenset[int]


class Watch(NamedTuple):
    """A map's version, from which on its changes are published, and the version since which they were until now."""

    version: int
    since: int
