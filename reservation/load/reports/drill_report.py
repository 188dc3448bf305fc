"""The figures and checks of a drill."""

from collections.abc import Sequence
from typing import Any

from ..drill import Drill, false_refusals

NAMED = 20  # of each failed check


def drill_figures(drill: Drill, statuses: Sequence[str]) -> dict[str, Any]:
    """What only the report of a drill has; `statuses` are the seats' in the map that was read after it."""
    measurements, sales = drill.measurements, sorted(drill.sales_s)
    return {
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
        "checks": [
            {"name": name, "passed": passed, "found": found} for name, passed, found in _checks(drill, statuses)
        ],
    }


def _checks(drill: Drill, statuses: Sequence[str]) -> list[tuple[str, bool, str]]:
    """Each check: its name, whether it passed, and what was found."""
    seats, sold = drill.show.seats, len(drill.tracker.owners)
    booked = sum(status == "booked" for status in statuses)
    wrong = false_refusals(drill)
    named = sum(len(refusal.named) for refusal in drill.refusals)
    return [
        (
            "every seat was sold exactly once",
            sold == booked == seats and not drill.tracker.violations,
            f"{sold:,} of {seats:,} seats sold by the answers, {booked:,} booked in the map, "
            f"{drill.tracker.counts['violations']:,} contradictions",
        ),
        (
            "every refusal named seats that were asked for and that another customer had",
            not wrong,
            "; ".join(wrong[:NAMED]) or f"{len(drill.refusals):,} refusals named {named:,} seats",
        ),
        (
            "every customer bought or saw a map without a free seat",
            drill.buyers + drill.saw_sold_out == len(drill.tokens),
            f"{drill.buyers:,} bought, {drill.saw_sold_out:,} saw no free seat, of {len(drill.tokens):,}",
        ),
    ]


def drill_lines(totals: dict[str, Any]) -> list[str]:
    """The figures of a drill for a terminal."""
    first, last, end = (
        "never" if totals[name] is None else f"after {totals[name]:,.2f} s"
        for name in ("first_sale_s", "last_sale_s", "last_answer_s")
    )
    return [
        f"{totals['customers']:,} customers, {totals['seats']:,} seats: first sale {first}, last sale {last}, "
        f"last answer {end}",
        f"{totals['holds_granted']:,} holds granted, {totals['holds_refused']:,} refused; {totals['errors']:,} errors",
        f"{totals['buyers']:,} customers bought {totals['seats_sold']:,} seats, {totals['empty_handed']:,} bought none",
    ]
