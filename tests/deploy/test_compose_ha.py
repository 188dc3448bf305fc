"""docker-compose.ha.yml: which containers there are, their rights and secrets; its files agree with each other."""

import re
import shlex
import stat
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from reservation.settings import Settings
from tests.deploy.compose_ha import AT, COMPOSE, HAPROXY, PATRONI, ROOT, SERVICES, numbered, script_of
from tests.project.test_compose import IMAGE, OURS, SERVICES as SINGLE, VARIABLE, make_secrets, setting
from tests.project.test_deployment import parse
from tests.project.test_settings import SECRETS as SECRET_SETTINGS, known_names

BUILT = {"Dockerfile", "deploy/compose/Dockerfile", "deploy/patroni/Dockerfile"}
OF_THE_SERVICE = ("migrate", "web1", "web2", "worker")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder of secrets that the script makes."""
    make_secrets(tmp_path)
    subprocess.run([tmp_path / "deploy/make-secrets", "ha"], check=True)
    return tmp_path / "secrets-ha"


def read(secrets: Path, name: str) -> str:
    return (secrets / name).read_text().strip()


def hosts(url: str) -> set[str]:
    return {*urlsplit(url).netloc.rpartition("@")[2].split(",")}


def test_there_are_enough_of_each_to_lose_one() -> None:
    """Of etcd and of the Sentinels, two of three agree; the others have one to take over."""
    counts = {kind: len(numbered(kind)) for kind in ("etcd", "postgres", "valkey", "sentinel", "web")}
    assert counts == {"etcd": 3, "postgres": 2, "valkey": 2, "sentinel": 3, "web": 2}
    assert len(SERVICES) == sum(counts.values()) + len(("migrate", "worker", "haproxy"))
    assert all(
        re.search(r"sentinel monitor reservation valkey1 6379 2\n", script_of(name)) for name in numbered("sentinel")
    )


def test_every_image_has_a_digest_or_is_built_on_one() -> None:
    """The bases are those that the single installation has, so one update serves both."""
    builds = [given["build"] for given in SERVICES.values() if "build" in given]
    files = {"Dockerfile" if each == "." else f"{each['context']}/{each['dockerfile']}" for each in builds}
    assert files == BUILT
    bases = {base for name in BUILT for base in re.findall(r"^FROM (\S+)", (ROOT / name).read_text(), re.MULTILINE)}
    images = {given["image"] for given in SERVICES.values() if "build" not in given}
    assert [name for name in bases | images if not IMAGE.fullmatch(name)] == []
    single = {given["image"] for name, given in SINGLE.items() if name not in OURS}
    python = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert bases | images == single | python
    assert all(given["image"].endswith(":local") for given in SERVICES.values() if "build" in given)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_containers_run_without_extra_privileges_and_are_limited(service: str) -> None:
    given = SERVICES[service]
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode"} & given.keys()
    assert "build" in given or given["user"] not in ("root", "0")
    assert re.fullmatch(r"\d+[mg]", given["mem_limit"])
    assert {"max-size", "max-file"} <= given["logging"]["options"].keys()


@pytest.mark.parametrize("path", sorted(BUILT - {"Dockerfile"}))
def test_what_is_copied_into_an_image_is_in_its_context(path: str) -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / path).read_text(), re.MULTILINE)
    assert copied
    assert [name for names in copied for name in names.split() if not (ROOT / "deploy" / name).is_file()] == []


@pytest.mark.parametrize("path", sorted(BUILT))
def test_images_do_not_run_as_root(path: str) -> None:
    for stage in (
        (ROOT / path).read_text().split("\nFROM ")[1:] if path == "Dockerfile" else [(ROOT / path).read_text()]
    ):
        users = re.findall(r"^USER (\d+):(\d+)$", stage, re.MULTILINE)
        assert "0" not in {number for pair in users for number in pair}
    assert re.search(r"^USER (\d+):(\d+)$", (ROOT / path).read_text(), re.MULTILINE)


def test_only_haproxy_has_a_port_and_etcd_is_reached_by_patroni_alone() -> None:
    assert {name for name, given in SERVICES.items() if "ports" in given} == {"haproxy"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["haproxy"]["ports"])
    assert COMPOSE["networks"] == {"front": None, "stores": {"internal": True}, "cluster": {"internal": True}}
    inside = {name for name, given in SERVICES.items() if "cluster" in given["networks"]}
    assert inside == {*numbered("etcd"), *numbered("postgres")}


def test_the_secrets_are_files_that_the_script_makes(secrets: Path) -> None:
    assert {path.name for path in secrets.iterdir()} == COMPOSE["secrets"].keys()
    assert {given["file"] for given in COMPOSE["secrets"].values()} == {
        f"secrets-ha/{path.name}" for path in secrets.iterdir()
    }
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    texts = {path.name: path.read_text() for path in secrets.iterdir()}
    assert len({*texts.values()}) == len(texts)
    subprocess.run([secrets.parent / "deploy/make-secrets", "ha"], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == texts
    assert "secrets-ha/" in (ROOT / ".gitignore").read_text().splitlines()


def test_a_container_has_only_the_secrets_that_it_needs() -> None:
    scripts = {"postgres1": ["deploy/patroni/start", "deploy/compose/roles.sql"]}
    scripts["postgres2"] = scripts["postgres1"]
    for name, given in SERVICES.items():
        text = yaml.safe_dump(given) + "".join((ROOT / path).read_text() for path in scripts.get(name, ()))
        used = {*re.findall(r"(?:/run/secrets|\$secrets)/(\w+)", text)}
        assert used == {*given.get("secrets", ())}, name
    owners = {name for name, given in SERVICES.items() if "owner_url" in given.get("secrets", ())}
    assert owners == {"migrate"}


@pytest.mark.parametrize("service", OF_THE_SERVICE)
def test_variables_are_settings_and_command_lines_exist(service: str) -> None:
    given = SERVICES[service]
    assert {*map(setting, given["environment"])} <= known_names()
    secret = {name: text for name, text in given["environment"].items() if setting(name) in SECRET_SETTINGS}
    assert all(name.endswith("_FILE") and text.startswith(f"{AT}/") for name, text in secret.items())
    parse(*(VARIABLE.sub("2", word) for word in given["command"]))
    assert given["env_file"] == ([] if service == "migrate" else [{"path": ".env", "required": False}])


def test_the_urls_name_every_server(secrets: Path) -> None:
    for name, login in (("database_url", "reservation_service"), ("owner_url", "reservation")):
        url = read(secrets, name)
        assert hosts(url) == {f"{server}:5432" for server in numbered("postgres")}
        assert urlsplit(url).username == login
        assert parse_qs(urlsplit(url).query) == {"target_session_attrs": ["read-write"]}
        given = {
            "DATABASE_URL": url,
            "REDIS_URL": read(secrets, "redis_url"),
            "JWT_SECRET": read(secrets, "jwt_secret"),
        }
        settings = Settings.from_env(given)
        assert (settings.database_url, settings.redis_url) == (url, given["REDIS_URL"])
    sentinels = urlsplit(read(secrets, "redis_url"))
    assert (sentinels.scheme, sentinels.path) == ("redis+sentinel", "/reservation")
    assert hosts(sentinels.geturl()) == {f"{server}:26379" for server in numbered("sentinel")}
    assert sentinels.password == read(secrets, "valkey_password")


def test_the_nodes_of_etcd_and_patroni_have_their_own_names() -> None:
    cluster = ",".join(f"{name}=http://{name}:2380" for name in numbered("etcd"))
    for name in numbered("etcd"):
        given = SERVICES[name]["environment"]
        assert given["ETCD_NAME"] == name
        assert given["ETCD_INITIAL_CLUSTER"] == cluster
        assert given["ETCD_ADVERTISE_CLIENT_URLS"] == f"http://{name}:2379"
        assert given["ETCD_INITIAL_ADVERTISE_PEER_URLS"] == f"http://{name}:2380"
        assert SERVICES[name]["volumes"] == [f"{name}:/var/lib/etcd"]
    for name in numbered("postgres"):
        given = SERVICES[name]["environment"]
        assert given == {
            "PATRONI_NAME": name,
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"{name}:5432",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"{name}:8008",
        }
    for name in numbered("valkey") + numbered("sentinel"):
        assert SERVICES[name]["environment"]["ANNOUNCE"] == name
    assert [SERVICES[name]["environment"]["REPLICAOF"] for name in numbered("valkey")] == ["", "replicaof valkey1 6379"]
    assert {volume for given in SERVICES.values() for volume in map(named_volume, given.get("volumes", ()))} == {
        *COMPOSE["volumes"]
    }


def named_volume(mount: str) -> str:
    return mount.partition(":")[0]


def test_haproxy_and_patroni_name_the_containers_and_their_ports() -> None:
    servers = re.findall(r"^    server (\S+) (\S+):(\d+)$", HAPROXY.read_text(), re.MULTILINE)
    assert {name for name, _, _ in servers} == {*numbered("web"), *numbered("postgres")}
    assert all(name == host for name, host, _ in servers)
    assert {port for name, _, port in servers if name.startswith("web")} == {
        SERVICES["web1"]["command"][SERVICES["web1"]["command"].index("--port") + 1]
    }
    patroni = yaml.safe_load(PATRONI.read_text())
    assert patroni["etcd3"]["hosts"].split(",") == [f"{name}:2379" for name in numbered("etcd")]
    listen = {patroni["postgresql"]["listen"], patroni["restapi"]["listen"]}
    assert listen == {"0.0.0.0:5432", "0.0.0.0:8008"}
    assert "check port 8008" in HAPROXY.read_text()
    assert patroni["bootstrap"]["post_bootstrap"] == "/etc/patroni/post-bootstrap"


@pytest.mark.parametrize("service", [*numbered("valkey"), *numbered("sentinel")])
def test_no_password_is_in_a_command_line(service: str, tmp_path: Path, secrets: Path) -> None:
    log, fake = tmp_path / "arguments", tmp_path / "valkey-server"
    fake.write_text(f'#!/bin/sh\nprintf "%s " "$@" >"{log}"\n')
    fake.chmod(0o755)
    script = script_of(service).replace(AT, shlex.quote(str(secrets))).replace("/data", str(tmp_path))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **SERVICES[service]["environment"]}
    subprocess.run(["sh", "-c", script], check=True, env=environment)
    assert log.read_text()
    assert read(secrets, "valkey_password") not in log.read_text()
