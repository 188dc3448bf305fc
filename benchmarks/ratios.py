"""Statistics of few repetitions: medians, and ratios between neighbours in time."""

import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle one; the mean of the two middle ones of an even count."""
    return statistics.median(values)


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """The ratio of each repetition: what the machine does over minutes hits both alike and cancels out."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest."""
    return min(values), max(values)
