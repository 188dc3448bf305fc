"""Lanes: the order in which requests are served when there are too many, the first one first."""

from enum import IntEnum


class Lane(IntEnum):
    """What a request is for; a lower number is refused later."""

    CONFIRM = 0  # completes a sale, or lets somebody in: confirms, payments, check-ins
    HOLD = 1  # other writes of booking
    ACCOUNT = 2  # logins and accounts
    MAP = 3  # seat maps, and reading one resource
    LIST = 4  # lists, pages, administration
    REPORT = 5  # reports and exports

    @property
    def label(self) -> str:
        """The value of the label `lane` in metrics."""
        return self.name.lower()
