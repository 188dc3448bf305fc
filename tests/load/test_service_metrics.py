"""The service's own figures in the report: the difference of two readings of /metrics."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.load import service_metrics
from reservation.load.client import Client
from reservation.load.service_metrics import Reading, difference, parse, read_metrics, service_lines
from reservation.load.target import Target
from tests.faults.test_serving import serving
from tests.load.conftest import Cinema

pytestmark = pytest.mark.long

TOKEN = "a-token-of-prometheus"
BEFORE = """
# TYPE requests_total counter
requests_total{route="/a",status="200"} 10
requests_total{route="/b",status="200"} 1
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total{pid="1"} 5
process_cpu_seconds_total{pid="2"} 7
# TYPE wait_seconds histogram
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_count 4
wait_seconds_sum 2
# TYPE viewers gauge
viewers 3
# TYPE idle gauge
idle 1
"""
AFTER = """
# TYPE requests_total counter
requests_total{route="/a",status="200"} 15
requests_total{route="/b",status="200"} 2
requests_total{route="/b",status="409"} 4
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total{pid="1"} 5.5
process_cpu_seconds_total{pid="2"} 8
# TYPE wait_seconds histogram
wait_seconds_bucket{le="+Inf"} 14
wait_seconds_count 14
wait_seconds_sum 7
# TYPE viewers gauge
viewers 2
# TYPE idle gauge
idle 1
"""


def test_the_difference_has_what_changed_summed_over_processes() -> None:
    found = difference(parse(BEFORE), parse(AFTER))
    assert found == {
        "cause": None,
        "counters": [
            {"name": "process_cpu_seconds_total", "labels": {}, "change": 1.5},
            {"name": "requests_total", "labels": {"route": "/a", "status": "200"}, "change": 5},
            {"name": "requests_total", "labels": {"route": "/b", "status": "200"}, "change": 1},
            {"name": "requests_total", "labels": {"route": "/b", "status": "409"}, "change": 4},
        ],
        "histograms": [{"name": "wait_seconds", "labels": {}, "count": 10, "sum": 5}],
        "gauges": [{"name": "viewers", "labels": {}, "before": 3, "after": 2}],
    }
    assert [line.split() for line in service_lines(found)[1:]] == [
        ["1.5", "process_cpu_seconds"],
        ["6", "requests", "200"],
        ["4", "requests", "409"],
        ["10", "wait_seconds,", "mean", "0.5"],
    ]


def test_a_service_that_was_started_anew_has_no_difference() -> None:
    found = difference(parse(AFTER), parse(BEFORE))
    assert found["counters"] == found["histograms"] == found["gauges"] == []
    assert service_lines(found) == [
        "no figures of the service: /metrics: counts are lower than before: the service was started anew"
    ]


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (404, "", "404"),
        (403, "", f"403: {service_metrics.NO_TOKEN}"),  # by a proxy
        (200, "<html>", "not in Prometheus's text format"),
    ],
)
async def test_metrics_that_cannot_be_read_have_a_cause(
    status: int, body: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_metrics, "PUBLISHED_S", 0)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    server = TestServer(app)
    await server.start_server()
    target = Target.of(str(server.make_url("/")).rstrip("/"))
    try:
        async with Client(target, connections=1, timeout_s=60) as client:
            reading = await read_metrics(client)
    finally:
        await server.close()
    assert cause in reading.cause
    assert cause in difference(Reading(), reading)["cause"]


async def test_the_report_of_a_run_has_the_figures_of_the_service(cinema: Cinema, tmp_path: Path) -> None:
    run = ("--duration", "3", "--rate", "30", "--users", "20", "--timeout", "600", "--profile", "browse")
    page = tmp_path / "report.html"
    report = await asyncio.to_thread(cinema.reported, *run, "--html", page, file=tmp_path / "report.json")
    service = report["service"]
    assert service["cause"] is None
    answered = [
        counter["change"]
        for counter in service["counters"]
        if counter["name"] == "reservation_http_requests_total" and counter["labels"]["status"] == "200"
    ]
    assert sum(answered) > 0
    assert {"reservation_http_request_seconds", "reservation_redis_seconds"} <= {
        histogram["name"] for histogram in service["histograms"]
    }
    assert "http_requests 200" in page.read_text()


def test_the_kit_sends_the_token_of_its_environment_to_a_service_that_demands_it(tmp_path: Path) -> None:
    """In a variable and a file, with the stores and without; and what it says without a token, or with a wrong one."""
    file, report = tmp_path / "token", tmp_path / "report.json"
    file.write_text(f"{TOKEN}\n")
    run = (
        "--duration",
        "1",
        "--rate",
        "20",
        "--users",
        "3",
        "--timeout",
        "600",
        "--profile",
        "browse",
        "--json",
        report,
    )
    with serving(tmp_path / "data", "--demo", METRICS_TOKEN=TOKEN, ACCESS_LOG="off") as instance:
        cinema = Cinema(f"http://127.0.0.1:{instance.port}", tmp_path / "data")
        for options, environment, cause in (
            ((), {"METRICS_TOKEN": TOKEN}, None),
            (("--remote",), {"METRICS_TOKEN_FILE": str(file)}, None),
            (("--remote",), {}, f"401 not_authenticated: {service_metrics.NO_TOKEN}"),
            ((), {"METRICS_TOKEN": TOKEN[::-1]}, f"401 not_authenticated: {service_metrics.REFUSED_TOKEN}"),
        ):
            done = cinema.load(*run, *options, environment=environment)
            assert done.status == 0, done.printed + done.complaint
            service = json.loads(report.read_text())["service"]
            assert service["cause"] == cause
            assert bool(service["counters"]) is (cause is None)
            assert (f"/metrics: {cause}" in done.printed) is (cause is not None)
            assert TOKEN not in done.printed + done.complaint + report.read_text()
