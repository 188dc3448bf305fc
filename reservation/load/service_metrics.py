"""What the service counted during a run, by its /metrics: the difference between two readings.

Nothing is known here of single metrics: all that the service has are compared, by their kind.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from .client import Client

PUBLISHED_S = 1.5  # after which the counts of all workers are in what one of them answers
OF_ONE_PROCESS = {"pid", "worker", "instance"}  # labels that are summed over
OF_ONE_ROUTE = {"method", "route"}  # labels that are summed over in the text
NO_TOKEN = "it asks for a token: set METRICS_TOKEN or METRICS_TOKEN_FILE here as it is set for the service"
REFUSED_TOKEN = "it refuses the METRICS_TOKEN that is set here, which must be that of the service"
MAX_LABELLED = 9  # lines of one metric in the text

Series: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]  # a name and its labels


@dataclass(slots=True)
class Reading:
    """The values of all series, and the kind of each; without any, why /metrics could not be read."""

    cause: str = ""
    values: dict[Series, float] = field(default_factory=lambda: defaultdict(float))
    kinds: dict[str, str] = field(default_factory=dict)


async def read_metrics(client: Client, token: str = "") -> Reading:
    """What the service has counted until now; `token` is its METRICS_TOKEN, if that is known."""
    answer = await client.call("GET", "/metrics", token=token)
    if answer.status == 200:
        await asyncio.sleep(PUBLISHED_S)
        answer = await client.call("GET", "/metrics", token=token)
    if answer.status in (401, 403):
        advice = REFUSED_TOKEN if token else NO_TOKEN
        return Reading(cause=f"{answer.status} {answer.code}".rstrip() + f": {advice}")
    if answer.status != 200:
        return Reading(cause=answer.code or str(answer.status))
    try:
        return parse(answer.body.decode())
    except ValueError as error:  # a page of a proxy, for example
        return Reading(cause=f"it is not in Prometheus's text format: {error}")


def parse(text: str) -> Reading:
    """The series of a text in Prometheus's format, summed over the processes; raises ValueError."""
    reading = Reading()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = tuple(
                    sorted((key, value) for key, value in sample.labels.items() if key not in OF_ONE_PROCESS)
                )
                reading.values[sample.name, labels] += sample.value
                reading.kinds[sample.name] = family.type
    return reading


def difference(before: Reading, after: Reading) -> dict[str, Any]:
    """The service's part of the JSON report: what changed, and if a reading failed, its cause."""
    changes = {series: value - before.values.get(series, 0.0) for series, value in after.values.items()}
    cause = before.cause or after.cause
    if any(change < 0 and after.kinds[name] != "gauge" for (name, _), change in changes.items()):
        cause = "counts are lower than before: the service was started anew"
    if cause:
        changes = {}
    figures: dict[str, Any] = {"cause": cause or None, "counters": [], "histograms": [], "gauges": []}
    for (name, labels), change in sorted(changes.items()):
        series = {"name": name, "labels": dict(labels)}
        kind = after.kinds[name]
        if kind == "gauge" and change:
            value = after.values[name, labels]
            figures["gauges"].append({**series, "before": round(value - change, 6), "after": round(value, 6)})
        elif kind == "counter" and change:
            figures["counters"].append({**series, "change": round(change, 6)})
        elif name.endswith("_count") and change:
            total = changes[f"{name.removesuffix('_count')}_sum", labels]
            series["name"] = name.removesuffix("_count")
            figures["histograms"].append({**series, "count": int(change), "sum": round(total, 6)})
    return figures


def service_lines(service: Mapping[str, Any]) -> list[str]:
    """The service's figures for a terminal: counts, and counts with means, summed over routes."""
    if service["cause"] is not None:
        return [f"no figures of the service: /metrics: {service['cause']}"]
    counters = _by_shown_labels(service["counters"], "change")
    counts = _by_shown_labels(service["histograms"], "count")
    sums = _by_shown_labels(service["histograms"], "sum")
    return [
        "figures of the service, by /metrics:",
        *(f"{total:>12,.6g}  {name}" for name, total in counters.items()),
        *(f"{count:>12,}  {name}, mean {sums[name] / count:,.4g}" for name, count in counts.items()),
    ]


def _by_shown_labels(figures: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """The figures by name and labels; those of very many labels are summed."""
    names = Counter(each["name"] for each in figures if not OF_ONE_ROUTE & each["labels"].keys())
    totals: dict[str, Any] = defaultdict(int)
    for each in figures:
        name = str(each["name"]).removeprefix("reservation_").removesuffix("_total")
        labels = [value for label, value in each["labels"].items() if label not in OF_ONE_ROUTE]
        shown = labels if names[each["name"]] <= MAX_LABELLED else []
        totals[" ".join([name, *shown])] += each[key]
    return totals
