"""Alert rules and dashboards: each alert has tests and a runbook, and each metric that they name is exported."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs import program

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yml"
TESTS = ROOT / "deploy/prometheus/alerts_test.yml"
RUNBOOKS = ROOT / "docs/operations/alerts.md"
DASHBOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
# Of the scrape itself and of promtool, not of the service.
NOT_OURS = {"up", "ALERTS"}
PARTS = ("**Means**:", "**See**:", "**Do**:")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program("promtool", package="prometheus"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}


def exported() -> dict[str, set[str]]:
    """The series that the service exports, with their labels: tests/http/test_metrics.py compares this page with it."""
    page = (ROOT / "docs/operator/metrics.md").read_text()
    found: dict[str, set[str]] = {}
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE):
        known = {*re.findall(r"`(\w+)`", labels)}
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[name + suffix] = known | ({"le"} if suffix == "_bucket" else set())
    return found


def expressions() -> list[tuple[str, str]]:
    """Each query of a rule or a dashboard, and where it is."""
    of_rules = [(name, rule["expr"]) for name, rule in alerts().items()]
    of_panels = [
        (f"{path.name}: {panel['title']}", target["expr"])
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", [])
    ]
    return of_rules + of_panels


def test_the_tests_of_the_rules_succeed() -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_does_not_fire_fails_its_test(tmp_path: Path) -> None:
    """The tests of the rules can fail."""
    text = RULES.read_text()
    broken = text.replace("(reservation_outbox_delay_seconds", "(-reservation_outbox_delay_seconds")
    assert broken != text
    (tmp_path / RULES.name).write_text(broken)
    shutil.copy(TESTS, tmp_path)
    done = promtool("test", "rules", tmp_path / TESTS.name)
    assert done.returncode != 0
    assert "ReservationOutboxDelayed" in done.stdout + done.stderr


def test_every_alert_has_a_test_that_it_fires_and_one_that_it_does_not() -> None:
    tested: dict[str, set[int]] = {}
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for query in test["promql_expr_test"]:
            [name] = re.findall(r'alertname="(\w+)"', query["expr"])
            tested.setdefault(name, set()).update(sample["value"] for sample in query["exp_samples"])
    assert tested == {name: {0, 1} for name in alerts()}


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_a_summary_a_severity_and_a_runbook(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert ROOT / page == RUNBOOKS
    assert anchor == name.lower()


def test_the_runbooks_are_those_of_the_alerts_and_have_all_parts() -> None:
    _, *sections = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)
    runbooks = {title: text for title, _, text in (section.partition("\n") for section in sections)}
    assert set(runbooks) == set(alerts())
    for title, text in runbooks.items():
        assert all(part in text for part in PARTS), title


@pytest.mark.parametrize(("place", "expression"), expressions())
def test_a_query_names_metrics_and_labels_that_the_service_exports(place: str, expression: str) -> None:
    series = exported()
    named = set(re.findall(r"\breservation_\w+", expression))
    assert named or place == "ReservationDown"
    assert named <= series.keys(), place
    labels = set().union(*(series[name] for name in named)) | {"job", "instance"}
    grouped = {label for names in re.findall(r"\bby \(([^)]*)\)", expression) for label in names.split(", ")}
    selected = set(re.findall(r'(\w+)(?:=~|!=|=)"', expression))
    assert grouped | selected <= labels, place


def test_a_series_of_the_tests_is_one_that_the_service_exports() -> None:
    series = exported()
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for each in test["input_series"]:
            name, _, labels = each["series"].partition("{")
            if name not in NOT_OURS:
                assert set(re.findall(r'(\w+)="', labels)) <= series[name], each["series"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    """Ids are unique, panels do not overlap, and each query is of the data source that the user chooses."""
    board = json.loads(path.read_text())
    assert {"title", "uid", "schemaVersion", "panels"} <= board.keys()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    for panel in board["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
