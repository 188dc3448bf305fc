"""Compares two reports: ratios of latencies, rates and errors, and which differences are more than chance."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from hdrh.histogram import HdrHistogram

from . import LoadError
from .reports.report import SCHEMA_VERSION, Report
from .thresholds import PERCENTILES

Z = 1.96  # 95 % confidence
KEYS = {"settings", "totals", "latency", "hdr", "audit", "generator", "machine", "version"}
# Settings that decide the load: with others of these, the figures are not of the same load.
DECISIVE = (
    "profile",
    "mix",
    "rate",
    "ramp_s",
    "contention",
    "seats",
    "showtimes",
    "viewers",
    "customers",
    "per_customer",
)
RATES = {"rate", "capacity"}  # of which less is worse
REMARKED = ("duration_s", "users", "seed", "connections", "remote", "url")


def read_report(path: Path) -> Report:
    """The report in a file; raises LoadError for anything else."""
    try:
        report = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise LoadError(f"{path} is no JSON: {error}") from None
    if not isinstance(report, dict) or "schema_version" not in report or "kind" not in report:
        raise LoadError(f"{path} is no report of `reservation load`")
    if report["schema_version"] != SCHEMA_VERSION:
        raise LoadError(f"{path} has schema_version {report['schema_version']}, and not {SCHEMA_VERSION}")
    if missing := KEYS - report.keys():
        raise LoadError(f"{path} is no whole report: {', '.join(sorted(missing))} missing")
    return report


def compare(a: Report, b: Report, *, max_ratio: float | None) -> Report:
    """The comparison as a JSON document; raises LoadError if the reports are of different loads.

    B is worse in a figure if the ratio is beyond `max_ratio` and the difference is more than chance.
    """
    if a["kind"] != b["kind"]:
        raise LoadError(f"A is a {a['kind']} and B is a {b['kind']}: these cannot be compared")
    for name in DECISIVE:
        ours, others = (report["settings"].get(name) for report in (a, b))
        if ours != others:
            raise LoadError(f"A has {name} {_shown(ours)} and B has {_shown(others)}: the loads cannot be compared")
    found = [_capacity(a, b)] if a["kind"] == "capacity" else [*_totals(a, b), *_latencies(a, b)]
    figures = [_judged(figure, max_ratio) for figure in found]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "comparison",
        "max_ratio": max_ratio,
        "worse": [f"{figure['figure']} of {figure['operation']}" for figure in figures if figure["verdict"] == "worse"],
        "remarks": [*_remarks(a, b)],
        "figures": figures,
    }


def _capacity(a: Report, b: Report) -> Report:
    """The capacities; each is between the rate that was sustained and the one that failed."""
    sustained = [float(report["totals"]["capacity_per_s"]) for report in (a, b)]
    failed = [report["totals"]["failed_per_s"] for report in (a, b)]
    ends = [math.inf if rate is None else float(rate) for rate in failed]
    intervals = list(zip(sustained, ends, strict=True))
    return _figure("capacity", "all", "requests/s", (sustained[0], sustained[1]), intervals)


def _latencies(a: Report, b: Report) -> Iterator[Report]:
    for operation in a["latency"]:
        if operation not in b["latency"]:
            continue
        encoded = [report["hdr"].get(operation) for report in (a, b)]
        histograms = [None if text is None else HdrHistogram.decode(text.encode()) for text in encoded]
        for name, key in PERCENTILES.items():
            ours, others = (report["latency"][operation].get(key) for report in (a, b))
            if ours and others:
                spreads = [
                    (0.0, math.inf) if histogram is None else _spread(histogram, float(name[1:]))
                    for histogram in histograms
                ]
                intervals = [(ms * low, ms * high) for ms, (low, high) in zip((ours, others), spreads, strict=True)]
                yield _figure(name, operation, "ms", (ours, others), intervals)


def _spread(histogram: HdrHistogram, percentile: float) -> tuple[float, float]:
    """The confidence interval of a percentile, as factors of it, by the ranks that its true value has with 95 %."""
    share = percentile / 100
    margin = Z * math.sqrt(share * (1 - share) / histogram.get_total_count())
    found = histogram.get_value_at_percentile(percentile)
    low = histogram.get_value_at_percentile(max(share - margin, 0) * 100) / found
    return low, math.inf if share + margin >= 1 else histogram.get_value_at_percentile((share + margin) * 100) / found


def _totals(a: Report, b: Report) -> Iterator[Report]:
    """The rate of answers, and the share of errors: counts that vary by their square root."""
    for name, unit, key in (("rate", "requests/s", "answered_per_s"), ("errors", "%", "errors")):
        values, intervals = [], []
        for report in (a, b):
            totals = report["totals"]
            requests = max(totals.get("offered") or totals.get("requests") or 1, 1)
            count = totals["errors"] if key == "errors" else totals.get("answered") or requests
            value = totals[key] * 100 / requests if key == "errors" else totals[key]
            margin = Z * math.sqrt(max(count, 1)) * (100 / requests if key == "errors" else value / max(count, 1))
            values.append(value)
            intervals.append((max(value - margin, 0.0), value + margin))
        yield _figure(name, "all", unit, (values[0], values[1]), intervals)


def _figure(
    name: str, operation: str, unit: str, values: tuple[float, float], intervals: list[tuple[float, float]]
) -> Report:
    a, b = values
    return {
        "figure": name,
        "operation": operation,
        "unit": unit,
        "a": round(a, 3),
        "b": round(b, 3),
        "ratio": round(b / a, 4) if a else None,
        "a_interval": _finite(intervals[0]),
        "b_interval": _finite(intervals[1]),
    }


def _judged(figure: Report, max_ratio: float | None) -> Report:
    """The figure with its verdict: worse, or worse but within the ratio, or better; same if it may be chance.

    It is unclear if there were too few answers to give the percentile an upper bound.
    """
    (a_low, a_high), (b_low, b_high) = figure["a_interval"], figure["b_interval"]
    is_higher = a_high is not None and b_low > a_high
    is_lower = b_high is not None and b_high < a_low
    worse, better = (is_lower, is_higher) if figure["figure"] in RATES else (is_higher, is_lower)
    ratio = figure["ratio"]
    beyond = max_ratio is not None and (
        ratio is None or (ratio < 1 / max_ratio if figure["figure"] in RATES else ratio > max_ratio)
    )
    if better or worse:
        verdict = "better" if better else "worse" if beyond else "worse, within the ratio"
    else:
        verdict = "unclear: too few" if a_high is None or b_high is None else "same"
    return {**figure, "verdict": verdict}


def _remarks(a: Report, b: Report) -> Iterator[str]:
    """What makes the comparison doubtful."""
    for name, report in (("A", a), ("B", b)):
        yield from (f"{name} is suspect: {suspicion}" for suspicion in report["generator"]["suspicions"])
        if not report["audit"]["clean"]:
            yield f"{name} violated invariants: its audit is not clean"
        if report["totals"].get("sold_out_at_s") is not None:
            yield f"{name} was sold out after {report['totals']['sold_out_at_s']:g} s: from then on it had another mix"
    for name in REMARKED:
        ours, others = (report["settings"].get(name) for report in (a, b))
        if ours != others:
            yield f"A has {name} {_shown(ours)}, B has {_shown(others)}"
    yield from (f"A has {name} {a[name]}, B has {b[name]}" for name in ("version", "machine") if a[name] != b[name])


def comparison_text(comparison: Report) -> str:
    """The comparison for a terminal."""
    lines = [f"{'figure':<18} {'A':>10} {'B':>10} {'B / A':>8}  verdict (95 % intervals of A and of B)"]
    for figure in comparison["figures"]:
        ratio = "" if figure["ratio"] is None else f"{figure['ratio']:,.3f}"
        intervals = " and ".join(
            f"{low:,.1f}..{'' if high is None else f'{high:,.1f}'}"
            for low, high in (figure["a_interval"], figure["b_interval"])
        )
        name = f"{figure['figure']} of {figure['operation']}"
        lines.append(
            f"{name:<18} {figure['a']:>10,.2f} {figure['b']:>10,.2f} {ratio:>8}  "
            f"{figure['verdict']} ({intervals} {figure['unit']})"
        )
    lines += ["", *(f"NOTE: {remark}" for remark in comparison["remarks"])]
    if comparison["max_ratio"] is not None:
        found = ", ".join(comparison["worse"]) or "nothing"
        lines.append(f"worse by more than {comparison['max_ratio']:g} times: {found}")
    return "\n".join(lines)


def _finite(interval: tuple[float, float]) -> list[float | None]:
    return [round(end, 3) if math.isfinite(end) else None for end in interval]


def _shown(value: Any) -> str:
    return "none" if value is None else orjson.dumps(value).decode()
