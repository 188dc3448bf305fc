"""The report of a run as one JSON document; text and page come from it. Its keys: docs/load-tester/load-kit.md."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from .engine import Engine
from .measurements import Measurements

SCHEMA_VERSION = 1
Report: TypeAlias = dict[str, Any]  # a JSON document; nothing reads it back but for showing it


def run_report(engine: Engine, *, settings: dict[str, Any], audit: dict[str, Any], started_at: datetime) -> Report:
    """Everything about a run."""
    measurements, plan = engine.measurements, engine.plan
    return {
        **heading("run", started_at),
        "settings": settings,
        "data_set": {
            "showtimes": [show.id for show in engine.shows],
            "seats": sum(show.seats for show in engine.shows),
        },
        "totals": {
            "offered": measurements.offered,
            "offered_per_s": round(measurements.offered / plan.duration_s, 1),
            "answered": measurements.answered,
            "answered_per_s": round(measurements.answered / max(measurements.last_answer_s, plan.duration_s), 1),
            "refused": measurements.refused,
            "errors": sum(measurements.errors.values()),
            "dropped": measurements.dropped,
            "substituted": dict(measurements.substituted),
            "sold_out_at_s": engine.sold_out_at_s,
            "reservations": dict(engine.tracker.counts),
        },
        **measured(measurements),
        "seconds": seconds(measurements),
        "audit": audit,
    }


def heading(kind: str, started_at: datetime) -> Report:
    """What every report begins with."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "version": version("reservation"),
        "started_at": started_at.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }


def measured(measurements: Measurements) -> Report:
    """Latencies, outcomes and the lateness of the generator."""
    return {
        "latency": {"all": measurements.all.summary()}
        | {name: histogram.summary() for name, histogram in sorted(measurements.latency.items())},
        "service_time": {name: histogram.summary() for name, histogram in sorted(measurements.service.items())},
        "distribution": {
            name: histogram.distribution()
            for name, histogram in [("all", measurements.all), *measurements.latency.items()]
        },
        "hdr": {name: histogram.encode() for name, histogram in sorted(measurements.latency.items())},
        "outcomes": measurements.outcome_rows(),
        "errors": dict(measurements.errors),
        "generator": {
            "lateness": measurements.lateness.summary(),
            "connection_wait": measurements.connection_wait.summary(),
            "suspect": bool(measurements.suspicions),
            "suspicions": measurements.suspicions,
        },
    }


def seconds(measurements: Measurements) -> list[dict[str, Any]]:
    """The time series, a row a second."""
    return [
        {
            "second": number,
            "offered": row.offered,
            "answered": row.answered,
            "refused": row.refused,
            "errors": row.errors,
            "dropped": row.dropped,
            "in_flight": row.in_flight,
            "p50_ms": row.p50_ms,
            "p99_ms": row.p99_ms,
            "latest_ms": round(row.latest_s * 1000, 3),
        }
        for number, row in enumerate(measurements.seconds)
    ]


def machine() -> dict[str, Any]:
    """What the generator ran on, without its name."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def write_json(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def run_text(report: Report) -> str:
    """The report for a terminal: figures, then what is wrong with them."""
    totals = report["totals"]
    lines = [
        f"offered {totals['offered']:,} requests ({totals['offered_per_s']:,}/s), "
        f"answered {totals['answered']:,} ({totals['answered_per_s']:,}/s), refused {totals['refused']:,}, "
        f"errors {totals['errors']:,}, dropped {totals['dropped']:,}",
        "",
        *latency_table(report["latency"]),
        "",
        *outcome_lines(report["outcomes"]),
    ]
    if totals["sold_out_at_s"] is not None:
        lines += [
            "",
            f"SOLD OUT: after {totals['sold_out_at_s']:,.1f} s no seat left in the data set's "
            f"{len(report['data_set']['showtimes']):,} showtimes: raise --showtimes, seed more "
            "(reservation seed scale), or reservation load reset; "
            f"{totals['substituted'].get('hold', 0):,} holds became looks at a seat map.",
        ]
    return "\n".join([*lines, *warning_lines(report), "", *audit_lines(report["audit"])])


def latency_table(latency: dict[str, dict[str, float]]) -> list[str]:
    """Percentiles by operation, in milliseconds."""
    columns = ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms")
    lines = [f"{'latency, ms':<12} {'count':>10} {'p50':>9} {'p90':>9} {'p99':>9} {'p99.9':>9} {'max':>9}"]
    for name, row in latency.items():
        figures = " ".join(f"{row.get(column, 0):>9,.1f}" for column in columns)
        lines.append(f"{name:<12} {row['count']:>10,} {figures}")
    return lines


def outcome_lines(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """How often what was answered."""
    return [
        f"{row['count']:>10,}  {row['operation']} {row['status'] or 'no answer:'} {row['code']}".rstrip()
        for row in outcomes
    ]


def warning_lines(report: Report) -> list[str]:
    """Warnings that the figures may be those of the generator."""
    suspicions = report["generator"]["suspicions"]
    if not suspicions:
        return []
    return ["", *(f"WARNING: {suspicion}; figures above are suspect" for suspicion in suspicions)]


def audit_lines(audit: dict[str, Any]) -> list[str]:
    """What the audit looked at and found."""
    stores = "both stores audited" if audit["stores_audited"] else "the stores were not at hand"
    looked_at = (
        f"{audit['confirmed_reservations']:,} confirmed; {audit['reservations_looked_up']:,} of "
        f"{audit['reservations']:,} reservations looked up, {audit['unknown_looked_up']:,} of {audit['unknown']:,} "
        f"whose last answer was lost among them; {audit['seat_maps_looked_at']:,} of {audit['seat_maps_sold_from']:,} "
        f"seat maps looked at, {audit['seats_found_booked']:,} seats found booked; {stores}"
    )
    if audit["clean"]:
        return [f"audit: every invariant holds ({looked_at})", *incomplete_lines(audit)]
    return [
        *(f"VIOLATION: {violation}" for violation in audit["violations"]),
        f"audit: {looked_at}",
        *incomplete_lines(audit),
    ]


def incomplete_lines(audit: dict[str, Any]) -> list[str]:
    """A warning where reservations with an unknown status were not looked up."""
    if audit["unknown_looked_up"] == audit["unknown"]:
        return []
    left = audit["unknown"] - audit["unknown_looked_up"]
    return [
        f"WARNING: {left:,} reservations whose last answer was lost were not looked up: a double sale may hide there"
    ]
