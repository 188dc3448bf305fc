"""The Valkey servers and Sentinels of docker-compose.ha.yml: their own scripts, on ports of this host."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from reservation.embedded.binaries import valkey_program
from reservation.embedded.processes import ChildServer
from tests.deploy.compose_ha import AT, SERVICES, numbered, script_of
from tests.ports import free_port

WAIT_S = 90
PASSWORD = "0123456789abcdef"
NO_RETRY = Retry(NoBackoff(), 0)
NAMES = numbered("valkey") + numbered("sentinel")


@dataclass
class Stores:
    """The servers, by the names of their containers."""

    ports: dict[str, int]
    servers: dict[str, ChildServer]

    def of(self, name: str) -> "redis.Redis":
        password = None if name.startswith("sentinel") else PASSWORD
        return redis.Redis(port=self.ports[name], password=password, socket_timeout=5, decode_responses=True)

    def says(self, sentinel: str, field: str, wanted: object) -> bool:
        """Whether this is what a Sentinel knows of the master of the service's URL."""
        found: Any = self.of(sentinel).sentinel_master("reservation")
        return bool(found[field] == wanted)

    def is_linked(self, replica: str) -> bool:
        """Whether it has what its master has."""
        found: Any = self.of(replica).info("replication")
        return bool(found["master_link_status"] == "up")


def started(name: str, folder: Path, ports: dict[str, int]) -> ChildServer:
    """Run the script of a container; names of others become ports of this host."""
    own = folder / name
    own.mkdir()
    script = script_of(name).replace(AT, shlex.quote(str(folder))).replace("/data", shlex.quote(str(own)))
    script = script.replace("monitor reservation valkey1 6379 2", f"monitor reservation 127.0.0.1 {ports['valkey1']} 2")
    if name.startswith("sentinel"):
        assert "port 26379\n" in script
        script = script.replace("port 26379\n", f"port {ports[name]}\nbind 127.0.0.1\n")
    else:
        script = script.replace('save ""', f'port {ports[name]}\nbind 127.0.0.1\nsave ""')
    given = SERVICES[name]["environment"] | {"ANNOUNCE": "127.0.0.1"}
    if given.get("REPLICAOF"):
        assert given["REPLICAOF"] == "replicaof valkey1 6379"
        given["REPLICAOF"] = f"replicaof 127.0.0.1 {ports['valkey1']}"
    environment = [f"{key}={value}" for key, value in given.items()]
    command = ["env", f"PATH={folder}:{os.defpath}", *environment, "sh", "-c", script]
    log = folder / f"{name}.log"
    return ChildServer(command, name=name, stop_signals=(SIGTERM,), patience_s=20, log=log, cwd=own)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """All five, once each Sentinel knows the replica and the other two."""
    (tmp_path / "valkey-server").symlink_to(valkey_program(None))
    (tmp_path / "valkey_password").write_text(PASSWORD)
    ports = {name: free_port() for name in NAMES}
    with ExitStack() as stack:
        found = Stores(ports, {})
        for name in NAMES:
            found.servers[name] = stack.enter_context(started(name, tmp_path, ports))
            eventually(found.of(name).ping)
        for name in numbered("sentinel"):
            eventually(partial(found.says, name, "num-other-sentinels", 2))
            eventually(partial(found.says, name, "num-slaves", 1))
        eventually(partial(found.is_linked, "valkey2"))
        yield found


def eventually(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; an error of the connection is a no."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_replica_takes_over_when_the_master_is_killed(stores: Stores) -> None:
    """All three Sentinels name it, it takes writes, and nothing is written to a disk; both ask for the password."""
    for name in numbered("valkey"):
        with redis.Redis(port=stores.ports[name], retry=NO_RETRY) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    assert stores.says("sentinel1", "port", stores.ports["valkey1"])
    stores.servers["valkey1"].kill()
    for name in numbered("sentinel"):
        eventually(partial(stores.says, name, "port", stores.ports["valkey2"]))
    eventually(partial(stores.of("valkey2").set, "written", "1"))
    assert stores.of("valkey2").config_get("save", "appendonly", "maxmemory-policy") == {
        "save": "", "appendonly": "no", "maxmemory-policy": "noeviction"
    }  # fmt: skip
