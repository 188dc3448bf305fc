"""A worker that hangs, being stopped or with a blocked event loop, is found by its heartbeat and replaced."""

import http.client
import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from reservation.runtime.heartbeat import BEAT_EVERY_S
from reservation.serving.heartbeat import MOST_A_LOOK_S, Heartbeat
from reservation.serving.supervisor import TICK_S
from reservation.settings import Settings
from tests.faults.test_background_process import background_of, replaced
from tests.faults.test_serving import answers_200, serving, survivors, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
FOUND = re.compile(r"has not answered for (\d+) s and was killed; another one starts")


@pytest.fixture(scope="module")
def data_dir(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made_once, tmp_path_factory.mktemp("hung") / "data"))


def test_a_stopped_worker_is_replaced_and_all_connections_are_served_again(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2") as instance:
        first = instance.workers()
        os.kill(stopped := min(first), signal.SIGSTOP)
        wait_until(lambda: len(instance.workers() - first) == 1)
        assert FOUND.search(instance.printed())
        assert survivors([stopped]) == []
        wait_until(lambda: all(answers_200(instance) for _ in range(20)))
        assert max(first) in instance.workers()


def test_by_default_a_hung_worker_is_found_within_five_seconds() -> None:
    """The last beat comes up to BEAT_EVERY_S before the hang, or as much after the supervisor has looked."""
    longest_s = Settings.from_env({}).worker_hang_s
    assert BEAT_EVERY_S + longest_s + 2 * TICK_S <= 5


def test_a_worker_is_left_alone_where_hangs_are_not_looked_for(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2", WORKER_HANG_SECONDS="0") as instance:
        first = instance.workers()
        os.kill(stopped := min(first), signal.SIGSTOP)
        os.kill(max(first), signal.SIGKILL)
        wait_until(lambda: len(instance.workers() - first) == 1)
        assert stopped in instance.workers()
        assert not FOUND.search(instance.printed())
        os.kill(stopped, signal.SIGCONT)
        wait_until(lambda: all(answers_200(instance) for _ in range(8)))


def test_a_stop_ends_a_hung_worker(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2", SHUTDOWN_SECONDS="1") as instance:
        children = instance.children()
        os.kill(min(instance.workers()), signal.SIGSTOP)
        assert instance.stop() == 0
        assert survivors(children) == []


def test_a_blocked_event_loop_is_replaced_and_the_log_says_where_it_was(data_dir: Path, tmp_path: Path) -> None:
    """A mail template that never ends blocks the background process."""
    template = tmp_path / "en" / "verify_email.txt"
    template.parent.mkdir()
    template.write_text("{% for i in range(1000000000000) %}{% endfor %}")
    with serving(data_dir, background=True, MAIL_TEMPLATES_DIR=str(tmp_path)) as instance:
        blocked = background_of(instance)
        body = {"name": "Ada", "email": f"ada-{time.time_ns()}@example.org", "password": "a long pass phrase"}
        client = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=30)
        client.request("POST", "/auth/signup", json.dumps(body), {"Content-Type": "application/json"})
        assert client.getresponse().status == 201
        client.close()
        wait_until(lambda: FOUND.search(instance.printed()))
        wait_until(lambda: replaced(instance, blocked))
        assert "the background process has not answered" in instance.printed()
        assert "rendering.py" in instance.printed()  # where its main thread was
        assert instance.status("/ready") == 200


def test_a_pause_of_the_supervisor_counts_for_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a machine was suspended for an hour, no worker is taken to have been silent for an hour."""
    heartbeat, now = Heartbeat(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    heartbeat.beat()
    assert heartbeat.silent_s() == 0
    now[0] += 3600
    assert heartbeat.silent_s() == MOST_A_LOOK_S
    heartbeat.beat()
    assert heartbeat.silent_s() == 0
