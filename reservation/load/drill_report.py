"""What a drill has shown: figures, and checks that are made and not assumed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .drill import Drill, unfounded
from .report import Report, audit_lines, heading, latency_table, measured, outcome_lines, seconds, warning_lines

NAMED = 20  # of each failed check


def drill_report(
    drill: Drill,
    *,
    settings: dict[str, Any],
    statuses: Sequence[str],
    audit: dict[str, Any],
    started_at: datetime,
) -> Report:
    """Everything about a drill; `statuses` are the seats' in the map that was read after it."""
    measurements, sales = drill.measurements, sorted(drill.sales_s)
    checks = _checks(drill, statuses)
    failed = [f"{check['name']}: {check['found']}" for check in checks if not check["passed"]]
    audit = {**audit, "violations": [*failed, *audit["violations"]], "clean": audit["clean"] and not failed}
    return {
        **heading("drill", started_at),
        "settings": settings,
        "totals": {
            "customers": len(drill.tokens),
            "seats": drill.show.seats,
            "seats_sold": len(drill.tracker.owners),
            "buyers": drill.buyers,
            "empty_handed": drill.saw_sold_out,
            "holds_granted": drill.tracker.counts["held"],
            "holds_refused": len(drill.refusals),
            "first_sale_s": round(sales[0], 3) if sales else None,
            "last_sale_s": round(sales[-1], 3) if sales else None,
            "last_answer_s": round(measurements.last_answer_s, 3),
            "requests": measurements.offered,
            "answered_per_s": round(measurements.answered / max(measurements.last_answer_s, 0.001), 1),
            "errors": sum(measurements.errors.values()),
        },
        "checks": checks,
        **measured(measurements),
        "seconds": seconds(measurements),
        "audit": audit,
    }


def _checks(drill: Drill, statuses: Sequence[str]) -> list[dict[str, Any]]:
    """Each check: its name, whether it passed, and what was found."""
    seats, sold = drill.show.seats, len(drill.tracker.owners)
    booked = sum(status == "booked" for status in statuses)
    wrong = unfounded(drill)
    named = sum(len(refusal.named) for refusal in drill.refusals)
    gone = drill.buyers + drill.saw_sold_out
    return [
        _check(
            "every seat was sold exactly once",
            sold == booked == seats and not drill.tracker.violations,
            f"{sold:,} of {seats:,} seats sold by the customers' books, {booked:,} booked in the map, "
            f"{drill.tracker.counts['violations']:,} contradictions",
        ),
        _check(
            "every refusal named seats that were asked for and that somebody else had",
            not wrong,
            "; ".join(wrong[:NAMED]) or f"{len(drill.refusals):,} refusals named {named:,} seats",
        ),
        _check(
            "every customer bought or saw that all was gone",
            gone == len(drill.tokens),
            f"{drill.buyers:,} bought, {drill.saw_sold_out:,} saw that all was gone, of {len(drill.tokens):,}",
        ),
    ]


def _check(name: str, passed: bool, found: str) -> dict[str, Any]:
    return {"name": name, "passed": passed, "found": found}


def drill_text(report: Report) -> str:
    """The report for a terminal."""
    totals = report["totals"]
    lines = [
        f"{totals['customers']:,} customers, {totals['seats']:,} seats: first sale after {_s(totals['first_sale_s'])}, "
        f"sold out after {_s(totals['last_sale_s'])}, last customer gone after {_s(totals['last_answer_s'])}",
        f"{totals['holds_granted']:,} holds granted, {totals['holds_refused']:,} refused; {totals['errors']:,} errors",
        f"{totals['buyers']:,} customers bought {totals['seats_sold']:,} seats, {totals['empty_handed']:,} bought none",
        "",
        *latency_table(report["latency"]),
        "",
        *outcome_lines(report["outcomes"]),
        "",
        *(
            f"{'passed' if check['passed'] else 'FAILED'}: {check['name']} ({check['found']})"
            for check in report["checks"]
        ),
    ]
    return "\n".join([*lines, *warning_lines(report), *audit_lines(report["audit"])])


def _s(seconds_gone: float | None) -> str:
    return "never" if seconds_gone is None else f"{seconds_gone:,.2f} s"
