"""deploy/haproxy/haproxy.cfg in Debian's HAProxy: it is valid, and sends requests where it should."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reservation.embedded.ports import is_taken
from tests.deploy.compose_ha import HAPROXY
from tests.ports import free_port
from tests.programs import program

WAIT_S = 60


class Backend(ThreadingHTTPServer):
    """An instance, or the REST API of a Patroni: answers 200 at the paths in `up`, and keeps the heads that it got."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", free_port()), Handler)
        self.name, self.up, self.heads = name, set[str](), list[str | None]()


class Handler(BaseHTTPRequestHandler):
    """Answers with the name of the server."""

    server: Backend

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        is_check = path in ("/ready", "/health", "/primary", "/replica")
        if not is_check:
            self.server.heads.append(self.headers["X-Forwarded-For"])
        self.send_response(200 if path in self.server.up or not is_check else 503)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        self.wfile.write(self.server.name.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Write nothing."""


@contextmanager
def backends(*names: str) -> Iterator[dict[str, Backend]]:
    found = {name: Backend(name) for name in names}
    for each in found.values():
        threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        for each in found.values():
            each.shutdown()
            each.server_close()


@contextmanager
def haproxy(folder: Path, text: str) -> Iterator[None]:
    """Run HAProxy with this configuration."""
    (folder / "haproxy.cfg").write_text(text)
    command = [program("haproxy", package="haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    [port] = re.findall(r"bind 127.0.0.1:(\d+)\n    option httplog", text)
    try:
        deadline = time.monotonic() + WAIT_S
        while not is_taken(int(port)):
            assert process.poll() is None, (folder / "haproxy.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
        assert process.poll() is None, (folder / "haproxy.log").read_text()
    finally:
        process.kill()
        process.wait()


def moved(text: str, ports: dict[str, int], servers: dict[str, int], check_ports: dict[str, int]) -> str:
    """The configuration with other ports to listen on, and the addresses and check ports of servers of this host."""

    def line(match: re.Match[str]) -> str:
        name = match[1]
        check = f" port {check_ports[name]}" if name in check_ports else ""
        return f"    server {name} 127.0.0.1:{servers[name]}{check}"

    for port, other in ports.items():
        assert text.count(f"bind :{port}\n") == 1
        text = text.replace(f"bind :{port}\n", f"bind 127.0.0.1:{other}\n")
    return re.sub(r"^    server (\S+) \S+$", line, text, flags=re.MULTILINE)


def got(port: int, path: str = "/movies", **headers: str) -> tuple[int, str]:
    """Status and body; (0, "") without an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()


def until(port: int, answers: set[tuple[int, str]]) -> None:
    """Wait until twelve requests in a row are answered in each of these ways, and in no other."""
    deadline = time.monotonic() + WAIT_S
    while {got(port) for _ in range(12)} != answers:
        assert time.monotonic() < deadline, answers
        time.sleep(0.1)


def test_the_configuration_is_valid() -> None:
    checked = [program("haproxy", package="haproxy"), "-c", "-f", str(HAPROXY)]
    result = subprocess.run(checked, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if "[WARNING]" in line or "[ALERT]" in line]
    assert [line for line in warnings if "could not resolve address" not in line] == []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[int, dict[str, Backend]]]:
    """The port of the site, and its two instances, both ready."""
    with backends("web1", "web2") as instances:
        port, ports = free_port(), {name: each.server_port for name, each in instances.items()}
        others = {"5432": free_port(), "5433": free_port()}
        unused = {"postgres1": free_port(), "postgres2": free_port()}
        text = moved(HAPROXY.read_text(), {"8000": port, **others}, ports | unused, {})
        for each in instances.values():
            each.up |= {"/ready", "/health"}
        with haproxy(tmp_path, text):
            until(port, {(200, "web1"), (200, "web2")})
            yield port, instances


def test_an_instance_that_is_not_ready_gets_no_requests(site: tuple[int, dict[str, Backend]]) -> None:
    port, instances = site
    instances["web1"].up.discard("/ready")
    until(port, {(200, "web2")})
    instances["web1"].up.add("/ready")
    until(port, {(200, "web1"), (200, "web2")})


def test_instances_that_answer_go_on_when_none_is_ready(site: tuple[int, dict[str, Backend]]) -> None:
    """As without Redis, when confirms and the catalogue go on."""
    port, instances = site
    for each in instances.values():
        each.up.discard("/ready")
    until(port, {(200, "web1"), (200, "web2")})
    instances["web1"].up.discard("/health")
    until(port, {(200, "web2")})


def test_what_a_client_claims_to_be_its_address_does_not_reach_the_instances(
    site: tuple[int, dict[str, Backend]],
) -> None:
    port, instances = site
    assert got(port, **{"X-Forwarded-For": "203.0.113.9"})[0] == 200
    assert {head for each in instances.values() for head in each.heads} == {"127.0.0.1"}


def test_metrics_are_not_public(site: tuple[int, dict[str, Backend]]) -> None:
    port, _ = site
    assert got(port, "/metrics")[0] == 404


def test_connections_go_to_the_primary_and_end_when_it_is_one_no_longer(tmp_path: Path) -> None:
    """Servers stand in for PostgreSQL, others for the REST API of Patroni, which says who is the primary."""
    names = ("postgres1", "postgres2")
    with backends(*names) as servers, backends(*names) as patronis:
        primary, standbys = free_port(), free_port()
        ports = {name: each.server_port for name, each in servers.items()} | {"web1": free_port(), "web2": free_port()}
        text = HAPROXY.read_text().replace("check port 8008", "check")
        checks = {name: each.server_port for name, each in patronis.items()}
        text = moved(text, {"8000": free_port(), "5432": primary, "5433": standbys}, ports, checks)
        patronis["postgres1"].up.add("/primary")
        patronis["postgres2"].up.add("/replica")
        with haproxy(tmp_path, text):
            until(primary, {(200, "postgres1")})
            until(standbys, {(200, "postgres2")})
            kept = HTTPConnection("127.0.0.1", primary, timeout=WAIT_S)
            kept.request("GET", "/first")
            assert kept.getresponse().read() == b"postgres1"
            patronis["postgres1"].up = {"/replica"}
            patronis["postgres2"].up = {"/primary"}
            until(primary, {(200, "postgres2")})
            until(standbys, {(200, "postgres1")})
            with suppress(OSError, HTTPException):
                kept.request("GET", "/second")
                assert kept.getresponse().read() != b"postgres1", "the old primary still gets statements"
            kept.close()
