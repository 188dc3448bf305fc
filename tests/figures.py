"""What /metrics shows, for tests: each series, and each metric summed over its labels."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from tests.api import Api

Figures = Counter[str]


def parsed(text: str) -> Figures:
    """The values by `name{label="value"}`, with the labels in alphabetical order, and summed by `name`."""
    found: Figures = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[sample.name] += sample.value  # type: ignore[assignment] # a Counter of floats
            if labels:
                found[f"{sample.name}{{{labels}}}"] = sample.value  # type: ignore[assignment]
    return found


async def figures(api: Api) -> Figures:
    """The values now."""
    answer = await api.call("GET", "/metrics")
    assert answer.status == 200
    return parsed(answer.text)


async def growth(api: Api, before: Figures) -> Figures:
    """By how much each value is larger than before."""
    now = await figures(api)
    return Counter({name: value - before[name] for name, value in now.items()})
