"""The benchmarks' arithmetic, parsers of the load generators' output, and report."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import open_model, pages, pgbench, proc, redis_benchmark, report, versions, wrk
from benchmarks.__main__ import SCENARIOS, SCENARIOS_SHORT, run_scenarios
from benchmarks.bench import Bench
from benchmarks.machine import peer_pins
from benchmarks.ratios import median, paired_ratios, spread
from benchmarks.records import LOWER_IS_BETTER, BenchmarkFailed, Figure, Records, Sample
from benchmarks.scenarios import against, latency, onsale, statements
from benchmarks.waiting_room import kendall_tau

BENCHMARKS = Path(report.__file__).parent
ROOT = BENCHMARKS.parent
needs_repository = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an archive of the source has no commits")


def wrk_output(**changes: Any) -> str:
    found = {
        "requests": 3000,
        "elapsed_us": 1_500_000,
        "bytes": 1,
        "counts": {"confirmed": 1500},
        "first_failure": "",
        "errors": {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0},
        "latency_us": {"p50": 2000, "p99": 9500},
        **changes,
    }
    return f"Running 5s test @ http://127.0.0.1\n  2 threads\nBENCH {json.dumps(found)}\n"


def offered(**changes: Any) -> dict[str, Any]:
    row = {"count": 10, "p50_ms": 1.0, "p99_ms": 5.0}
    return {
        "totals": {
            "offered": 1000,
            "answered": 1000,
            "offered_per_s": 250.0,
            "answered_per_s": 249.0,
            "errors": 0,
            "dropped": 0,
            "accepted": row,
            "overloaded": {"count": 0},
            **changes,
        },
        "outcomes": [{"operation": "hold", "status": 201, "code": "", "count": 1000}],
        "latency": {"hold": row, "confirm": {**row, "p99_ms": 7.0}},
        "generator": {"suspicions": []},
        "audit": {"clean": True},
    }


def test_ratios_are_of_the_same_repetition() -> None:
    # The machine was twice as slow in the second repetition, for both.
    assert paired_ratios([100, 50, 120], [50, 25, 40]) == [2.0, 2.0, 3.0]
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert spread([3.0, 1.0, 2.0]) == (1.0, 3.0)
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("kind", "readings", "verdict"),
    [
        ("ratio", [0.8, 0.95, 0.99], "aim reached"),
        ("ratio", [0.8, 0.8, 0.99], "reached"),
        ("ratio", [0.7, 0.79, 0.99], "missed"),
        ("latency", [0.9, 0.9, 0.9], "reached"),
        ("latency", [0.1, 0.2, 0.3], "aim reached"),
        ("growth", [0.96], "missed"),
        ("cpu", [0.7, 0.9, 2.0], "reached"),
        ("memory", [0.7], "aim reached"),
    ],
)
def test_a_verdict_is_of_the_median(kind: Any, readings: list[float], verdict: str) -> None:
    asked, aim = (0.95, 0.8) if kind in LOWER_IS_BETTER else (0.8, 0.95)
    assert Figure("it", kind, asked, aim, readings).verdict == verdict


def test_the_output_of_wrk_is_parsed() -> None:
    load = wrk.parse(wrk_output())
    assert load.per_s() == 2000
    assert load.per_s("confirmed") == 1000
    assert load.latency_ms == {"p50": 2.0, "p99": 9.5}


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (wrk_output(errors={"status": 7, "timeout": 0}, first_failure="500 oh"), "7 status; 500 oh"),
        (wrk_output(requests=0), "no request was answered"),
        ("unable to connect to 127.0.0.1:1 Connection refused", "Connection refused"),
    ],
)
def test_wrk_with_a_failed_request_fails_the_run(output: str, words: str) -> None:
    with pytest.raises(BenchmarkFailed, match=words):
        wrk.parse(output)


def test_the_output_of_pgbench_is_parsed() -> None:
    output = """\
number of transactions actually processed: 4000/4000
number of failed transactions: 0 (0.000%)
latency average = 1.052 ms
initial connection time = 21.337 ms
tps = 7604.119871 (without initial connection time)
"""
    assert pgbench.parse(output, expected=4000) == (7604.119871, 1.052)
    with pytest.raises(BenchmarkFailed, match="did not carry out 4001"):
        pgbench.parse(output, expected=4001)


def test_the_output_of_redis_benchmark_is_parsed() -> None:
    output = """\
Warning: Using a password
"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"EVALSHA 05 6 {__rand_int__}:map","52631.58","0.8","0.2","0.751","1.2","1.5","3.4"
"""
    assert redis_benchmark.parse(output) == (52631.58, {"p50": 0.751, "p99": 1.5})
    with pytest.raises(BenchmarkFailed, match="NOSCRIPT"):
        redis_benchmark.parse("Error from server: NOSCRIPT No matching script")


def test_redis_benchmark_holds_seats_of_a_random_showtime() -> None:
    words = redis_benchmark.command("redis://:secret@127.0.0.1:7000/3", "abc", 10)
    arguments = words[words.index("EVALSHA") :]
    keys = int(arguments[2])
    assert keys == 2 + redis_benchmark.SEATS_A_HOLD
    assert len(arguments) == 3 + keys + 2 + redis_benchmark.SEATS_A_HOLD
    assert words[words.index("--dbnum") + 1] == "3"


def test_a_rate_is_sustained_only_if_every_answer_is_in_time() -> None:
    found = open_model.read(offered(), rate=250)
    assert found.sustained
    assert found.worst_ms("p99") == 7.0
    for changes in ({"answered_per_s": 240.0}, {"answered": 900}, {"errors": 1}, {"dropped": 1}):
        assert not open_model.read(offered(**changes), rate=250).sustained
    suspect = {**offered(), "generator": {"suspicions": ["late"]}}
    assert open_model.read(suspect, rate=250).why_not == "late"
    with pytest.raises(BenchmarkFailed, match="violations"):
        open_model.read({**offered(), "audit": {"clean": False}}, rate=250)


def test_goodput_is_what_was_answered_and_neither_refused_for_the_load_nor_failed() -> None:
    outcomes = [
        {"operation": "hold", "status": status, "code": "", "count": count}
        for status, count in ((201, 700), (409, 50), (503, 240), (0, 10))
    ]
    found = open_model.read({**offered(errors=250, overloaded={"count": 240}), "outcomes": outcomes}, rate=250)
    assert found.goodput == pytest.approx(249.0 * 0.75)
    assert found.errors - found.overloaded["count"] == 10


@pytest.mark.parametrize(("errors", "is_sustained"), [(10, True), (11, False)])
def test_a_rate_is_sustained_with_few_errors_where_they_are_tolerated(errors: int, is_sustained: bool) -> None:
    found = open_model.read(offered(errors=errors), rate=250, tolerated=0.01)
    assert found.sustained is is_sustained
    assert not open_model.read(offered(errors=errors), rate=250).sustained


@pytest.mark.parametrize(("limit", "rate", "beyond"), [(1000.0, 1000, 1100), (150.0, 100, 200)])
def test_the_peak_has_the_servers_cpu_and_the_failure_above_it(
    monkeypatch: pytest.MonkeyPatch, limit: float, rate: int, beyond: int
) -> None:
    def offer(*_: Any, rate: float, **__: Any) -> open_model.Offered:
        changes = {} if rate <= limit else {"errors": 1}
        return open_model.read(offered(**changes), rate=rate, server_share=rate / 1250)

    monkeypatch.setattr(latency, "offer", offer)
    nothing: Any = None
    peak = latency.find_peak(nothing, nothing, {})
    assert (peak.rate, peak.beyond, peak.why_not) == (rate, beyond, "1 errors")
    share = f"{rate / 1250:.0%} of a core"
    assert f" {rate:,} requests a second offered and sustained, with the server at {share}" in str(peak)
    assert str(peak).endswith(f"; at {beyond:,}: 1 errors.")


def test_the_search_for_the_peak_fails_if_no_rate_is_sustained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "offer", lambda *_, rate, **__: open_model.read(offered(errors=1), rate=rate))
    nothing: Any = None
    with pytest.raises(BenchmarkFailed, match="even 100 requests a second are too much: 1 errors"):
        latency.find_peak(nothing, nothing, {})


def test_proc_stat_is_parsed_with_any_process_name() -> None:
    fields = proc.parse_stat("42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 11 12 13 14 20 0 1")
    assert fields[proc.PARENT] == "7"
    assert fields[proc.UTIME : proc.CUTIME_END] == ["11", "12", "13", "14"]


@pytest.mark.parametrize(
    ("title", "is_background"),
    [
        ("postgres: walwriter ", True),
        ("postgres: io worker 2", True),
        ("postgres: autovacuum worker bench", True),
        ("postgres: checkpointer ", True),
        ("postgres: reservation bench_cycles 127.0.0.1(50312) idle", False),
        ("", False),
    ],
)
def test_backends_are_told_from_background_processes(title: str, is_background: bool) -> None:
    assert proc.is_background(title) is is_background


def test_cpu_time_of_one_process_excludes_its_ended_children() -> None:
    before = _cpu_s()
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    own, tree = (after - earlier for earlier, after in zip(before, _cpu_s(), strict=True))
    assert tree > own


def _cpu_s() -> tuple[float, float]:
    return proc.own_cpu_s(os.getpid()), proc.tree_cpu_s(os.getpid())


def test_cpu_and_memory_of_this_process_are_measured() -> None:
    assert proc.tree_cpu_s(os.getpid()) > 0
    assert proc.resident_kib(os.getpid()) > 1000
    assert os.getpid() in proc.children_of(os.getppid())


@needs_repository
def test_a_checked_out_commit_has_its_files_and_is_what_python_imports(tmp_path: Path) -> None:
    version = versions.check_out("HEAD", tmp_path)
    committed = subprocess.run(
        ["git", "show", "HEAD:reservation/__init__.py"], cwd=ROOT, check=True, capture_output=True
    )
    assert (version.tree / "reservation" / "__init__.py").read_bytes() == committed.stdout
    assert version.tree.is_relative_to(tmp_path)
    printed = subprocess.run(
        [sys.executable, "-c", versions.PRINT_PACKAGE],
        cwd=tmp_path,
        env={**os.environ, **version.environment()},
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(printed.stdout.strip()).is_relative_to(version.tree)
    assert versions.check_out("HEAD", tmp_path) == version  # the second time it is there


@needs_repository
def test_a_tree_without_the_package_is_not_compared(tmp_path: Path) -> None:
    folder = tmp_path / "versions"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True)
    (folder / commit.stdout.strip()).mkdir(parents=True)  # Python would import this tree's package
    with pytest.raises(BenchmarkFailed, match="not imported from its tree"):
        versions.check_out("HEAD", tmp_path)


def test_an_unknown_commit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match="no-such-commit is no commit"):
        versions.check_out("no-such-commit", tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_versions_take_turns_at_being_first() -> None:
    sides: Any = ["A", "B"]
    turns: Any = [against.in_turn(sides, number) for number in (1, 2, 3)]
    assert turns == [["A", "B"], ["B", "A"], ["A", "B"]]


def test_statements_take_each_pair_of_seats_of_some_showtimes_once(tmp_path: Path) -> None:
    path = tmp_path / "seats"
    path.write_text("room 7 11 12 13 14 15\nroom 8 21 22 23 24\nshow 1 7\nshow 2 8\nshow 3 7\n")
    taken = list(statements.free_seats(path, abreast=2, seats_a_hold=2))
    assert taken == [(1, [11, 12]), (2, [21, 22]), (1, [13, 14]), (2, [23, 24]), (3, [11, 12]), (3, [13, 14])]
    assert onsale.showtimes_in(path) == [1, 2, 3]


def test_the_report_names_missed_targets() -> None:
    records = Records()
    for rate in (10.0, 11.0, 12.0):
        records.add("ours", Sample(rate * 3, 100, {"server": 30.0, "redis": 0.01}, {"p50": 1.0, "p99": 2.0}))
        records.add("theirs", Sample(rate, 100, {"server": 90.0}))
    records.ask_ratio("ours / theirs", of="ours", to="theirs", asked=2, aim=3)
    records.ask_ratio("theirs / ours", of="theirs", to="ours", asked=1, aim=2)
    records.note_ratio("theirs / ours", of="theirs", to="ours")
    records.note_cpu_ratio("CPU of theirs / ours", "server", of="theirs", to="ours")
    records.ask_cpu("CPU of ours", "ours", "server", asked=40, aim=20)
    records.ask_p99("p99 of ours", "ours", asked=1.5, aim=1)
    text = report.render(records, {"processor": "a|b"}, elapsed_s=90, plan="3 repetitions", plots=True)
    assert "**2 of 4 figures missed**: theirs / ours; p99 of ours." in text
    assert "| ours / theirs | >= 2x | 3x | 3x | 3 .. 3 (3) | aim reached |" in text
    assert "| CPU of ours | <= 40 us | 20 us | 30 us | 30 .. 30 (3) | reached |" in text
    assert "| **missed** |" in text
    assert "| ours | 33 (30 .. 36) | 1 | 2 | server 30 |" in text
    assert "| theirs | 11 (10 .. 12) |  |  | server 90 |" in text
    assert "a\\|b" in text
    assert "1.5 minutes" in text
    assert "- Not asked for: theirs / ours: 0.333x (0.333 .. 0.333).\n" in text
    assert "- Not asked for: CPU of theirs / ours: 3x (3 .. 3).\n" in text
    assert "FastAPI + uvicorn + SQLAlchemy 1.4 (sync, psycopg2) + sync redis-py" in text
    assert "8 clients, as asked" in text
    assert json.loads(json.dumps(records.as_json()))["figures"][0]["verdict"] == "aim reached"
    assert "All 0 figures are reached." in report.summary([])


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (99.96, "100"), (2.3456, "2.35"), (0.0851, "0.0851"), (0.0021, "0.0021")]
)
def test_numbers_are_rounded_to_significant_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_kendalls_tau_is_1_for_the_same_order_0_for_none_and_minus_1_for_the_reverse() -> None:
    assert kendall_tau(range(100)) == 1
    assert kendall_tau([*range(100)][::-1]) == -1
    assert kendall_tau([7] * 100) == 0
    assert kendall_tau([1, 3, 2, 4]) == pytest.approx(4 / 6)
    assert kendall_tau([1, 1, 2]) == pytest.approx(2 / (3 * 2) ** 0.5)
    assert abs(kendall_tau(random.Random(1).sample(range(2000), 2000))) < 0.05


def test_a_failed_scenario_does_not_lose_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Bench) -> None:
        raise BenchmarkFailed("requests failed\nthe log")

    ran: list[Bench] = []
    monkeypatch.setattr(onsale, "run", fail)
    monkeypatch.setattr(statements, "run", ran.append)
    nothing: Any = None
    bench = Bench(nothing, nothing)
    _, failed = run_scenarios(bench, ["onsale", "statements"])
    assert failed == ["onsale"]
    assert ran == [bench]
    assert bench.records.notes == ["**The scenario onsale failed**: requests failed"]


def test_every_scenario_has_a_module_and_every_peer_a_version() -> None:
    assert set(SCENARIOS_SHORT) <= set(SCENARIOS)
    for name in SCENARIOS:
        assert (BENCHMARKS / "scenarios" / f"{name}.py").is_file()
    assert all(peer_pins().values())


def test_what_a_page_has_more_than_asked_is_bold() -> None:
    assert pages.Measured("/", 50.0, 149_999, 1_001.2).cells == ("/", "**50.0**", "149,999", "**1001**")
