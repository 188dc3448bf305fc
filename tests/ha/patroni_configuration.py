"""The configuration of a server's Patroni."""

from collections.abc import Mapping
from typing import Any

from tests.ha.postgresql_node import BIN_DIR, PASSWORD, USER, Node

TTL_S = 20  # the least that Patroni allows: a standby takes over so long after the primary's host was lost
PARAMETERS = {
    "max_connections": 100,
    "shared_buffers": "64MB",
    "wal_log_hints": "on",
    "wal_keep_size": "256MB",
    "wal_sender_timeout": "5s",
    "wal_receiver_timeout": "5s",
    "fsync": "off",  # no test here cuts the power: a killed server's writes are the kernel's
    "log_line_prefix": "%m [%p] ",
}


def configuration(node: Node, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What it is started with; `settings` are those of the cluster, such as synchronous_mode."""
    login = {"username": USER, "password": PASSWORD}
    return {
        "scope": "tests",
        "name": node.name,
        "restapi": {
            "listen": f"127.0.0.1:{node.api_port}",
            "connect_address": f"127.0.0.1:{node.port_of('api')}",
        },
        "etcd3": {
            "hosts": [f"127.0.0.1:{node.port_of(name)}" for name in node.proxies if name.startswith("etcd")],
            "use_proxies": True,  # else it asks etcd for the members, and goes to them past the proxies
        },
        "bootstrap": {
            "dcs": {
                "ttl": TTL_S,
                "loop_wait": 1,
                "retry_timeout": 3,
                "primary_start_timeout": 0,
                **settings,
                "postgresql": {"use_pg_rewind": True, "parameters": PARAMETERS},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums", "no-sync"],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{node.port}",
            "connect_address": f"127.0.0.1:{node.port_of('postgresql')}",
            "data_dir": str(node.folder / "data"),
            "bin_dir": str(BIN_DIR),
            "pgpass": str(node.folder / "pgpass"),
            "authentication": {"superuser": login, "replication": login, "rewind": login},
            "parameters": {"unix_socket_directories": ""},
            "pg_hba": [f"host {name} all 127.0.0.1/32 scram-sha-256" for name in ("all", "replication")],
            "basebackup": {"checkpoint": "fast", "no-sync": None},
        },
    }
