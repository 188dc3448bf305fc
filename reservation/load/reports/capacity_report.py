"""A search for the capacity on a terminal: each step when it has ended, and the result."""

from typing import Any


def step_line(step: dict[str, Any]) -> str:
    """A step."""
    verdict = "sustained" if step["sustained"] else "; ".join(step["limited_by"])
    return (
        f"{step['rate']:>9,.1f} requests/s: answered {step['answered_per_s']:,}/s, p50 {step['p50_ms']:,.1f} ms, "
        f"p99 {step['p99_ms']:,.1f} ms, errors {step['errors']:,}: {verdict}"
    )


def capacity_lines(report: dict[str, Any]) -> list[str]:
    """The result of a search."""
    totals = report["totals"]
    reasons = "; ".join(totals["limited_by"])
    if not totals["capacity_per_s"]:
        return [f"no rate was sustained: {reasons}"]
    failed = "" if totals["failed_per_s"] is None else f"; {totals['failed_per_s']:,} requests/s were not"
    return [
        f"capacity: {totals['capacity_per_s']:,} requests/s were sustained{failed}",
        f"limited by: {reasons}",
    ]
