"""Thresholds: bounds that the figures of a report must keep; the command's exit status says whether they do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PERCENTILES = {"p50": "p50_ms", "p90": "p90_ms", "p99": "p99_ms", "p99.9": "p99_9_ms"}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound of a percentile of an operation's latencies, of `errors`, of the `rate` or of the `event_lag`.

    The unit is ms, requests/s, errors, or % of the requests. All but the rate are upper bounds.
    """

    name: str
    bound: float
    unit: str = "ms"
    operation: str = "all"

    def check(self, report: dict[str, Any]) -> dict[str, Any]:
        """The threshold with what was found, which is null if nothing was measured; that has not passed."""
        found = self._found(report)
        passed = found is not None and (found >= self.bound if self.name == "rate" else found <= self.bound)
        return {
            "name": self.name,
            "operation": self.operation,
            "bound": self.bound,
            "unit": self.unit,
            "found": None if found is None else round(found, 3),
            "passed": passed,
        }

    def _found(self, report: dict[str, Any]) -> float | None:
        totals = report["totals"]
        if self.name == "rate":
            return float(totals["answered_per_s"])
        if self.name == "errors":
            failed = totals["errors"] + totals.get("dropped", 0)
            requests = totals.get("offered") or totals.get("requests") or 1
            return float(failed * 100 / requests if self.unit == "%" else failed)
        if self.name == "event_lag":
            found = report.get("viewers", {}).get("event_lag", {}).get("p99_ms")
        else:
            found = report["latency"].get(self.operation, {}).get(PERCENTILES[self.name])
        return None if found is None else float(found)


def threshold_lines(checked: Iterable[dict[str, Any]]) -> list[str]:
    """Each threshold in words: whether it was kept, and if not, by how much it was missed."""
    return [_in_words(**each) for each in checked]


def _in_words(*, name: str, operation: str, bound: float, unit: str, found: float | None, passed: bool) -> str:
    what = {"errors": "errors", "rate": "answers", "event_lag": "p99 of the event lag"}.get(
        name, f"{name} of {operation}"
    )
    kind = "at least" if name == "rate" else "at most"
    if found is None:
        return f"FAILED: {what}: nothing was measured; {kind} {bound:g} {unit} was asked for"
    text = f"{what} {found:,g} {unit}, {kind} {bound:,g} {unit} was asked for"
    if passed:
        return f"passed: {text}"
    share = f", {abs(found - bound) / bound:.0%}" if bound else ""
    return f"FAILED: {text}: missed by {abs(found - bound):,.4g} {unit}{share}"
