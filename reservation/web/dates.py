"""Days as queries and forms have them."""

from datetime import date

# Of days outside of these years, neighbours, and times in other time zones, may not exist in Python or PostgreSQL.
FIRST_YEAR, LAST_YEAR = 1900, 2999


def date_of(text: str) -> date | None:
    """The day of an ISO 8601 text; None for anything else, and for a day that is too far away."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if is_near(day) else None


def is_near(day: date) -> bool:
    """Whether days and times about this day can be reckoned with."""
    return FIRST_YEAR <= day.year <= LAST_YEAR
