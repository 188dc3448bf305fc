"""docker-compose.ha.yml as the tests read it."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.ha.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AT = "/run/secrets"
HAPROXY = ROOT / "deploy/haproxy/haproxy.cfg"
PATRONI = ROOT / "deploy/patroni/patroni.yml"


def numbered(kind: str) -> list[str]:
    """The services of a kind, such as etcd1, etcd2, etcd3."""
    return sorted(name for name in SERVICES if re.fullmatch(rf"{kind}\d", name))


def script_of(service: str) -> str:
    """The shell script that a container of Valkey or of a Sentinel is started with."""
    shell, option, script = SERVICES[service]["command"]
    assert (shell, option) == ("sh", "-c")
    assert isinstance(script, str)
    return script.replace("$$", "$")
