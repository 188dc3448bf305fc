"""Statistics of few repetitions: medians, and ratios between neighbours in time."""

import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The median; of an even count the mean of the two middle values."""
    return statistics.median(values)


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """The ratio of each repetition: changes of the machine over minutes affect both values and cancel out."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest."""
    return min(values), max(values)
