"""The versions that maps get when they are primed."""


class MapVersions:
    """Gives versions above all that this process has seen of any map, also after PostgreSQL's clock was set back.

    Between two primings of a map its version counts changes, so it stays below the clock.
    """

    def __init__(self) -> None:
        self._highest = 0

    def seen(self, result: list[int]) -> list[int]:
        """Note the version, with which the results of scripts that read a map begin."""
        self._highest = max(self._highest, result[0])
        return result

    def of_priming(self, clock_us: int) -> int:
        """The version of a priming that was read from PostgreSQL at this time, in microseconds."""
        self._highest = max(clock_us, self._highest + 1)
        return self._highest
