"""The report of a run, search or drill as one JSON document, and as text. Its keys: docs/load-tester/load-kit.md."""

import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from ..engine import Engine
from ..limits import limit_lines
from ..measurements import Histogram, Measurements
from ..service_metrics import service_lines
from ..thresholds import threshold_lines
from ..viewers import viewer_lines
from .capacity_report import capacity_lines
from .drill_report import drill_lines

SCHEMA_VERSION = 1
COLUMNS = {"p50": "p50_ms", "p90": "p90_ms", "p99": "p99_ms", "p99.9": "p99_9_ms", "max": "max_ms"}
Report: TypeAlias = dict[str, Any]  # a JSON document; it is read only to be shown


def make_report(
    kind: str,
    measurements: Measurements,
    settings: dict[str, Any],
    audit: dict[str, Any],
    started_at: datetime,
    figures: dict[str, Any],
) -> Report:
    """The whole report; `figures` are what only a run or only a drill has. A failed check counts as a violation."""
    failed = [f"{check['name']}: {check['found']}" for check in figures.get("checks", ()) if not check["passed"]]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "version": version("reservation"),
        "started_at": started_at.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {  # without its name
            "system": platform.system(),
            "machine": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "settings": settings,
        **figures,
        "latency": {"all": measurements.all.summary()} | _summaries(measurements.latency),
        "service_time": _summaries(measurements.service),
        "distribution": {
            name: histogram.distribution()
            for name, histogram in {"all": measurements.all, **measurements.latency}.items()
        },
        "hdr": {"all": measurements.all.encode()}
        | {name: histogram.encode() for name, histogram in sorted(measurements.latency.items())},
        "outcomes": [
            {"operation": name, "status": status, "code": code, "count": count}
            for (name, status, code), count in sorted(measurements.outcomes.items())
        ],
        "errors": dict(measurements.errors),
        "generator": {
            "lateness": measurements.lateness.summary(),
            "connection_wait": measurements.connection_wait.summary(),
            "suspect": bool(measurements.suspicions),
            "suspicions": measurements.suspicions,
        },
        "seconds": [
            {"second": number} | {name: value for name, value in asdict(row).items() if name != "latencies_s"}
            for number, row in enumerate(measurements.seconds)
        ],
        "audit": {
            **audit,
            "violations": [*failed, *audit["violations"]],
            "clean": audit["clean"] and not failed,
        },
    }


def _summaries(histograms: dict[str, Histogram]) -> dict[str, dict[str, float]]:
    return {name: histogram.summary() for name, histogram in sorted(histograms.items())}


def run_figures(engine: Engine) -> dict[str, Any]:
    """What only the report of a run has."""
    measurements, duration_s = engine.measurements, engine.plan.duration_s
    return {
        "data_set": {
            "showtimes": [show.id for show in engine.shows],
            "seats": sum(show.seats for show in engine.shows),
        },
        "totals": {
            "offered": measurements.offered,
            "offered_per_s": round(measurements.offered / duration_s, 1),
            "answered": measurements.answered,
            "answered_per_s": round(measurements.answered / max(measurements.last_answer_s, duration_s), 1),
            "refused": measurements.refused,
            "errors": sum(measurements.errors.values()),
            "dropped": measurements.dropped,
            "accepted": measurements.accepted.summary(),
            "overloaded": measurements.overloaded.summary(),
            "substituted": dict(measurements.substituted),
            "limited": dict(engine.bookings.limits.refused),
            "sold_out_at_s": engine.bookings.sold_out_at_s,
            "reservations": dict(engine.tracker.counts),
        },
    }


def write_json(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def report_text(report: Report) -> str:
    """The report for a terminal: figures, then what is wrong with them."""
    totals = report["totals"]
    if report["kind"] == "drill":
        lines = drill_lines(totals)
    elif report["kind"] == "capacity":
        lines = capacity_lines(report)
    else:
        lines = [
            f"offered {totals['offered']:,} requests ({totals['offered_per_s']:,}/s), "
            f"answered {totals['answered']:,} ({totals['answered_per_s']:,}/s), refused {totals['refused']:,}, "
            f"errors {totals['errors']:,}, dropped {totals['dropped']:,}"
        ]
    lines += ["", f"{'latency, ms':<12} {'count':>10} " + " ".join(f"{name:>9}" for name in COLUMNS)]
    for name, row in report["latency"].items():
        figures = " ".join(f"{row.get(column, 0):>9,.1f}" for column in COLUMNS.values())
        lines.append(f"{name:<12} {row['count']:>10,} {figures}")
    lines.append("")
    for row in report["outcomes"]:
        lines.append(f"{row['count']:>10,}  {row['operation']} {row['status'] or 'no answer:'} {row['code']}".rstrip())
    for key, in_words in (("viewers", viewer_lines), ("service", service_lines)):
        if key in report:
            lines += ["", *in_words(report[key])]
    return "\n".join([*lines, "", *findings(report)])


def findings(report: Report) -> list[str]:
    """What was checked, and what is wrong: warnings about the figures, the checks of a drill, the audit."""
    totals = report["totals"]
    lines = [f"WARNING: {suspicion}; figures above are suspect" for suspicion in report["generator"]["suspicions"]]
    if totals.get("sold_out_at_s") is not None:
        lines.append(
            f"SOLD OUT: after {totals['sold_out_at_s']:,.1f} s no seat left in the data set's "
            f"{len(report['data_set']['showtimes']):,} showtimes: raise --showtimes, seed more "
            "(reservation seed scale), or reservation load reset; "
            f"{totals['substituted'].get('hold', 0):,} holds became requests for a seat map."
        )
    lines += limit_lines(totals.get("limited", {}))
    lines += [
        f"{'passed' if check['passed'] else 'FAILED'}: {check['name']} ({check['found']})"
        for check in report.get("checks", ())
    ]
    lines += threshold_lines(report.get("thresholds", ()))
    return [*lines, *audit_lines(report["audit"])]


def audit_lines(audit: dict[str, Any]) -> list[str]:
    """What the audit checked and found."""
    stores = "both stores audited" if audit["stores_audited"] else "the stores were not at hand"
    checked = (
        f"{audit['confirmed_reservations']:,} confirmed; {audit['reservations_looked_up']:,} of "
        f"{audit['reservations']:,} reservations looked up, {audit['unknown_looked_up']:,} of {audit['unknown']:,} "
        f"whose last answer was lost among them; {audit['seat_maps_looked_at']:,} of {audit['seat_maps_sold_from']:,} "
        f"seat maps looked at, {audit['seats_found_booked']:,} seats found booked; {stores}"
    )
    lines = [f"VIOLATION: {violation}" for violation in audit["violations"]]
    lines.append(f"audit: every invariant holds ({checked})" if audit["clean"] else f"audit: {checked}")
    if left := audit["unknown"] - audit["unknown_looked_up"]:
        lines.append(
            f"WARNING: {left:,} reservations whose last answer was lost were not looked up: "
            "there may be a double sale among them"
        )
    return lines
