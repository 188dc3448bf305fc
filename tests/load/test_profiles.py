"""The command against a real service: each profile, the audit that follows, and runs that can be repeated."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner

from reservation.commands.load import load
from reservation.identity.tokens import TokenMint
from reservation.load.client import Client
from reservation.load.customers import mint_tokens
from reservation.load.engine import Engine
from reservation.load.final_audit import audit_run
from reservation.load.plan import PROFILES, Plan
from reservation.load.showtimes import find_showtimes
from reservation.load.target import Target
from reservation.load.tracked_reservations import TrackedReservation
from reservation.settings import Settings
from tests.conftest import SECRET
from tests.faults.test_serving import wait_until
from tests.load.conftest import Cinema, Finished

pytestmark = pytest.mark.long

PATIENT = ("--users", "50", "--timeout", "600")  # no request times out, however slow the machine
SHORT = ("--duration", "3", *PATIENT)
DURATIONS_S = (3, 12, 48, 192)
POINTERS = {"src", "srcset", "href", "xlink:href", "action", "data", "poster"}
OPERATIONS = {
    "browse": {"list", "map", "map_304"},
    "onsale": {"map", "hold", "confirm"},
    "mixed": {"list", "map", "hold", "confirm", "cancel"},
    "full": {"list", "map", "hold", "best", "keyed", "repeat", "confirm", "cancel"},
}


class Page(HTMLParser):
    """Everything in a page that points somewhere or runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.charts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.charts += tag == "svg"
        if tag in ("script", "link", "img", "iframe", "object", "embed"):
            self.references.append(tag)
        self.references += [f"{name}={value}" for name, value in attrs if name in POINTERS]


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_profile_runs_and_the_audit_is_clean(cinema: Cinema, tmp_path: Path, profile: str) -> None:
    page = tmp_path / "report.html"
    arguments = (*PATIENT, "--profile", profile, "--rate", "60", "--contention", "0.3", "--html", page)
    for duration_s in DURATIONS_S:  # until holds are answered early enough that arrivals confirm and cancel them
        report = cinema.reported("--duration", duration_s, *arguments, file=tmp_path / "report.json")
        sold = report["audit"]["confirmed_reservations"] > 0 or profile == "browse"
        seen = report["viewers"]["event_lag"]["count"] > 0 or profile != "full"
        if sold and seen and OPERATIONS[profile] <= report["latency"].keys():
            break
        assert cinema.load("reset").status == 0
    assert report["schema_version"] == 1
    assert report["kind"] == "run"
    assert OPERATIONS[profile] <= report["latency"].keys()
    totals = report["totals"]
    assert totals["errors"] == totals["dropped"] == 0
    assert totals["answered"] == totals["offered"] == report["latency"]["all"]["count"]
    assert totals["offered"] == pytest.approx(60 * duration_s, abs=5 * (60 * duration_s) ** 0.5)
    assert sum(row["count"] for row in report["outcomes"]) == totals["answered"]
    assert sum(row["answered"] for row in report["seconds"]) == totals["answered"]
    assert report["audit"]["clean"]
    assert report["audit"]["stores_audited"]
    viewers = report["viewers"]
    assert viewers["connected"] == viewers["asked"] == (100 if profile == "full" else 0)
    if profile == "full":
        assert viewers["event_lag"]["count"] > 0
        assert viewers["errors"] == {}
    if profile != "browse":
        assert report["audit"]["confirmed_reservations"] > 0
        assert report["audit"]["seats_found_booked"] >= report["audit"]["confirmed_reservations"]
        assert live_holds(cinema) == 0
    text = page.read_text()
    shown = Page(text)
    assert shown.references == []
    assert shown.charts == 3
    assert not re.search(r"url\(|@import|https?://(?!127\.0\.0\.1|www\.w3\.org/2000/svg)", text)


def test_holds_are_refused_at_contention_1_and_none_at_0(cinema: Cinema, tmp_path: Path) -> None:
    """At 1, two holds in a row ask for the same best seats, at any pace: no map is requested between them."""

    def refused(contention: str) -> int:
        arguments = (*SHORT, "--rate", "120", "--contention", contention, "--seed", "4")
        return int(cinema.reported(*arguments, file=tmp_path / "report.json")["totals"]["refused"])

    assert refused("0") == 0
    assert cinema.load("reset").status == 0
    assert refused("1") > 0


def test_the_mix_of_options_replaces_that_of_the_profile(cinema: Cinema, tmp_path: Path) -> None:
    mix = ("--mix", "best=3, map=1", "--viewers", "3", "--max-event-lag", "600000")
    done = cinema.load(*SHORT, "--rate", "40", *mix, "--json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["settings"]["mix"] == {"best": 0.75, "map": 0.25}
    assert report["latency"].keys() <= {"all", "best", "best_409", "map", "map_304"}
    assert report["latency"]["best"]["count"] > report["latency"]["map"]["count"]
    assert (report["viewers"]["asked"], report["viewers"]["connected"]) == (3, 3)
    assert report["thresholds"][0]["name"] == "event_lag"
    assert done.status in (
        0,
        4,
    )  # 4 where no viewer was shown a change: only holds by seats, confirms and cancels count


def test_the_report_says_when_all_seats_are_sold(cinema: Cinema) -> None:
    done = cinema.load(*SHORT, "--profile", "onsale", "--showtimes", "1", "--rate", "250", "--seats", "4")
    assert done.status == 0, done.complaint
    assert "SOLD OUT" in done.printed
    assert "no seat left in the data set's 1 showtimes" in " ".join(done.printed.split())


def test_after_a_reset_the_same_seed_makes_the_same_run(cinema: Cinema, tmp_path: Path) -> None:
    def run() -> tuple[Any, ...]:
        arguments = (*SHORT, "--profile", "onsale", "--rate", "40", "--seed", "9")
        report = cinema.reported(*arguments, file=tmp_path / "report.json")
        offered = [row["offered"] for row in report["seconds"]]
        return report["data_set"], report["totals"]["offered"], offered[:3]

    first = run()
    assert booked(cinema) > 0
    done = cinema.load("reset")
    assert done.status == 0
    users = r"of [\d,]+ load users"
    said = rf"to be deleted from 127\.0\.0\.1:\d+/\w+: ([\d,]+) reservations {users}, 0 drill rooms; .*\n\1 "
    assert re.match(said, done.printed)
    assert booked(cinema) == 0
    assert run() == first


async def test_the_audit_finds_lost_seats_cancelled_sales_and_unknown_reservations(cinema: Cinema) -> None:
    settings = cinema.settings()
    plan = Plan(PROFILES["onsale"], 60, 2, 0, 0.2, 20, (1, 2), seed=2)
    tokens = await mint_tokens(settings, users=20, life_s=60)
    async with Client(Target.of(cinema.url), connections=16, timeout_s=5) as client:
        engine = Engine(client, plan, await find_showtimes(client, count=3, duration_s=2), tokens, max_in_flight=100)
        await engine.run(lambda _: None)
        clean = await audit_run(client, engine.tracker, tokens, None, seed=2)
        assert (clean.violations, clean.stores_audited) == ([], False)
        lost, stolen, *_ = (sold for sold in engine.tracker.reservations.values() if sold.state == "confirmed")
        with cinema.database() as connection:
            connection.execute("delete from booked_seats where reservation_id = %s", [lost.id])
            connection.execute(
                "update reservations set status = 'cancelled', cancelled_at = now() where id = %s", [stolen.id]
            )
        unsold = ((show.id, seat) for show in engine.shows for seat in reversed(show.best_first))
        place = next(place for place in unsold if place not in engine.tracker.owners)
        engine.tracker.owners[place] = "absent"
        engine.tracker.reservations["absent"] = TrackedReservation(
            str(UUID(int=1)), 0, place[0], place[1:], "confirmed"
        )
        damaged = await audit_run(client, engine.tracker, tokens, settings, seed=2)
    found = "\n".join(damaged.violations)
    assert f"reservation {stolen.id}, which was answered confirmed, is cancelled" in found
    assert f"reservation {UUID(int=1)}, which was answered confirmed, is answered 404 not_found" in found
    assert f"showtime {place[0]}, seat {place[1]}: sold to absent, shown as " in found
    assert f"seats_not_booked: reservation {lost.id}" in found
    assert f"seats_not_confirmed: reservation {stolen.id}" in found


def test_a_violation_is_printed_and_ends_with_status_3(cinema: Cinema, tmp_path: Path) -> None:
    cinema.reported(*SHORT, "--rate", "30", "--profile", "onsale", file=tmp_path / "before.json")
    with cinema.database() as connection:
        connection.execute(
            "delete from booked_seats where reservation_id in"
            " (select reservation_id from booked_seats where reservation_id is not null limit 1)"
        )
    done = cinema.load(*SHORT, "--rate", "30", "--json", tmp_path / "after.json", "--html", tmp_path / "after.html")
    assert done.status == 3
    assert "VIOLATION: seats_not_booked" in done.printed
    assert not json.loads((tmp_path / "after.json").read_text())["audit"]["clean"]
    assert "VIOLATION:" in (tmp_path / "after.html").read_text()


def test_a_remote_target_needs_no_access_to_its_stores(cinema: Cinema, tmp_path: Path) -> None:
    tokens, nowhere = tmp_path / "tokens.txt", tmp_path / "nowhere"
    assert cinema.load("tokens", "--users", "3", "--file", tmp_path / "local.txt").status == 0  # they live side by side
    remote = ("--remote", "--users", "3", "--tokens", tokens)
    run = ("--duration", "2", "--rate", "40", "--profile", "onsale", *remote)
    first = cinema.load(*run, data_dir=nowhere)
    assert first.status == 0, first.printed + first.complaint
    assert f"wrote 3 tokens to {tokens}" in first.printed
    assert "the stores were not at hand" in first.printed
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    written = tokens.read_text()
    assert len(written.split()) == 3
    assert cinema.load(*run, data_dir=nowhere).status == 0
    assert tokens.read_text() == written
    assert booked(cinema) > 0


def test_an_interrupted_run_leaves_no_hold(cinema: Cinema) -> None:
    run = ("--duration", "3600", "--rate", "40", "--users", "50", "--timeout", "600", "--mix", "hold=1")
    with subprocess.Popen(
        [sys.executable, "-m", "reservation", "load", *run, "--url", cinema.url],
        env={"PATH": os.defpath, "DATA_DIR": str(cinema.data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ignored by whatever a shell runs in the background, and so by all that this starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it starts no thread
    ) as load_run:
        wait_until(lambda: live_holds(cinema) > 0)
        load_run.send_signal(signal.SIGINT)
        assert load_run.wait(600) == 1
    assert live_holds(cinema) == 0


def test_a_remote_reset_says_what_it_cancels_and_makes_no_account(cinema: Cinema, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    run = ("--duration", "2", "--rate", "40", "--profile", "onsale", "--users", "3")
    assert cinema.load(*run, "--remote", data_dir=nowhere).status == 0
    assert cinema.load(*run).status == 0  # of the accounts that sign in by minted tokens
    with cinema.database() as connection:
        accounts = connection.execute("select count(*), max(id) from users").fetchone()
    reset = ("reset", "--remote", "--admin-email", "admin@example.com", "--admin-password", "demo-admin-password")
    users = r"of [\d,]+ load users"
    said = rf"to be cancelled at http://127.0.0.1:\d+: 0 holds and ([1-9]\d*) confirmed reservations {users}"
    planned = cinema.load(*reset, "--dry-run", data_dir=nowhere)
    assert planned.status == 0, planned.complaint
    [count] = re.findall(said, planned.printed)
    assert booked(cinema) > 0
    done = cinema.load(*reset, data_dir=nowhere)
    assert re.findall(said, done.printed) == [count]
    assert f"{count} reservations cancelled" in done.printed
    assert (booked(cinema), live_holds(cinema)) == (0, 0)
    with cinema.database() as connection:
        assert connection.execute("select count(*), max(id) from users").fetchone() == accounts


def test_the_tokens_command_writes_valid_tokens_that_only_the_owner_reads(cinema: Cinema, tmp_path: Path) -> None:
    file = tmp_path / "tokens.txt"
    done = cinema.load("tokens", "--users", "7", "--file", file)
    assert (done.status, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600)
    tokens = file.read_text().split()
    assert len(set(tokens)) == 7
    run = cinema.load("--duration", "1", "--rate", "20", "--users", "7", "--tokens", file)
    assert run.status == 0, run.complaint
    assert file.read_text().split() == tokens


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--json", "/nowhere/at/all.json"), "there is no folder /nowhere/at"),
        (("--tokens", __file__), "is no file of tokens"),
        (("tokens", "--file", __file__), "is no file of tokens"),
    ],
)
def test_an_unwritable_file_is_an_error_before_the_run(
    running: Cinema, arguments: tuple[str, ...], complaint: str
) -> None:
    expect_line(running.load(*arguments), complaint)


def test_a_target_that_cannot_be_reached_is_an_error_of_one_line(running: Cinema) -> None:
    for url, complaint in (
        ("http://127.0.0.1:1", "does not answer /health: connection refused; is the service running there?"),
        ("http://nowhere.invalid", "does not answer /health: the name of its host cannot be resolved"),
        (running.url.replace("http:", "https:"), "does not answer /health: what answers there speaks no TLS"),
    ):
        expect_line(Cinema(url, running.data_dir).load(), complaint)


@pytest.mark.parametrize("command", [(), ("reset",), ("tokens", "--file", "never-written.txt")])
def test_stores_of_another_service_are_an_error(running: Cinema, settings: Settings, command: tuple[str, ...]) -> None:
    """The target is one service, the stores at hand are another's."""
    stores = {"DATABASE_URL": settings.database_url or "", "REDIS_URL": settings.redis_url or "", "JWT_SECRET": SECRET}
    expect_line(running.load(*command, environment=stores), "does not know the load users")


def test_tokens_of_another_installation_are_refused_with_their_file(running: Cinema, tmp_path: Path) -> None:
    file = tmp_path / "tokens.txt"
    mint = TokenMint((SECRET,), 7200, 7200, 7200)
    file.write_text(mint.mint("access", 1, "user", uuid4(), 1) + "\n")
    expect_line(running.load("--users", "1", "--tokens", file), f"does not take the tokens in {file}")


def expect_line(done: Finished, complaint: str) -> None:
    """The command failed as an expected failure does."""
    assert (done.status, done.printed) == (1, "")
    assert complaint in done.complaint
    assert done.complaint.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(f"--seats {seats}" for seats in ("0", "4..1", "a", "1..1000")),
        *(f"--{name} nan" for name in ("rate", "duration", "ramp", "contention", "timeout")),
        "--ramp 50 --duration 10",
        "--ramp inf",
        *(f"--mix {mix}" for mix in ("hold", "hold=x", "hold=0", "nap=1", "hold=inf", "hold=1,=2")),
        "--viewers -1",
        "--url notaurl",
        "reset --url notaurl",
        "drill --remote",
        "reset --remote",
    ],
)
def test_invalid_options_are_a_usage_error(arguments: str) -> None:
    done = CliRunner().invoke(load, arguments.split())
    assert done.exit_code == 2
    option = "--admin-email" if arguments.endswith("--remote") else re.findall(r"--\w+", arguments)[0]
    assert option in done.output
    assert done.output.startswith("Usage: ")


def live_holds(cinema: Cinema) -> int:
    """How many holds are live."""
    with cinema.database() as connection:
        [count] = connection.execute(
            "select count(*) from reservations where status = 'held' and expires_at > clock_timestamp()"
        ).fetchone() or [0]
    return int(count)


def booked(cinema: Cinema) -> int:
    """How many seats are sold."""
    with cinema.database() as connection:
        [count] = connection.execute(
            "select count(*) from booked_seats where reservation_id is not null"
        ).fetchone() or [0]
    return int(count)
