"""The manifests in deploy/kubernetes, as kustomize renders them: valid, hardened, and in agreement with the service."""

import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from reservation.serving.worker_process import KILL_MARGIN_S
from reservation.settings import Settings
from tests.deploy.kubernetes import (
    OVERLAYS,
    ROOT,
    container,
    documented_secrets,
    environment,
    mounted_files,
    named,
    of_kind,
    rendered,
    selects,
    templates,
)
from tests.project.test_compose import setting
from tests.project.test_deployment import instruction, parse
from tests.project.test_settings import SECRETS, known_names

OLDEST, NEWEST = "1.27", kubernetes_validate.latest_version()
OF_OTHERS = {"ServiceMonitor"}  # kinds that Kubernetes itself does not have
VALUES = {
    "database_url": "postgresql://reservation:secret@10.0.0.5:5432/reservation",
    "redis_url": "redis://:secret@10.0.0.6:6379/0",
    "jwt_secret": "0123456789abcdef0123456789abcdef",
    "metrics_token": "0123456789abcdef",
}

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def settings(overlay: str, component: str, folder: Path) -> Settings:
    """The settings that a pod of the component would have, with secrets of the test."""
    template = templates(overlay)[component]
    for path in mounted_files(template, documented_secrets()):
        (folder / Path(path).name).write_text(VALUES[Path(path).name])
    given = environment(overlay, template)
    [mount] = [each["mountPath"] for each in container(template)["volumeMounts"] if each["name"] == "secrets"]
    return Settings.from_env({name: value.replace(mount, str(folder)) for name, value in given.items()})


def argument(args: list[str], name: str) -> str:
    return args[args.index(name) + 1]


@each_overlay
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_objects_are_valid_for_kubernetes(overlay: str, version: str) -> None:
    """Unknown fields are an error as well."""
    checked = [each for each in rendered(overlay) if each["kind"] not in OF_OTHERS]
    assert len(checked) >= 10
    for each in checked:
        kubernetes_validate.validate(each, version, strict=True)


def test_an_object_with_an_unknown_field_is_not_valid() -> None:
    service = named("large", "Service", "reservation")
    changed = service | {"spec": service["spec"] | {"selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(changed, NEWEST, strict=True)


def test_the_overlays_have_what_their_size_needs() -> None:
    def found(overlay: str) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"].split("-settings")[0]) for each in rendered(overlay)}

    assert found("large") - found("small") == {
        ("Deployment", "reservation-worker"),
        ("HorizontalPodAutoscaler", "reservation-web"),
        ("NetworkPolicy", "reservation-worker"),
        ("PodDisruptionBudget", "reservation-web"),
        ("PodDisruptionBudget", "reservation-worker"),
        ("Service", "reservation-worker"),
        ("ServiceMonitor", "reservation"),
    }
    assert found("small") < found("large")
    assert "--no-worker" in container(templates("large")["web"])["args"]
    assert "--no-worker" not in container(templates("small")["web"])["args"], "nothing makes the deliveries"


@each_overlay
def test_all_objects_are_in_one_namespace(overlay: str) -> None:
    places = {each["metadata"].get("namespace") for each in rendered(overlay) if each["kind"] != "Namespace"}
    assert places == {"reservation"} == {each["metadata"]["name"] for each in of_kind(overlay, "Namespace")}


@each_overlay
def test_command_lines_of_the_pods_exist(overlay: str) -> None:
    for template in templates(overlay).values():
        assert "command" not in container(template), "the image has the entry point"
        parse(*container(template)["args"])
    assert container(templates(overlay)["migrate"])["args"] == ["migrate"]


@each_overlay
def test_the_variables_of_the_pods_are_settings(overlay: str) -> None:
    for component, template in templates(overlay).items():
        given = environment(overlay, template)
        assert {*map(setting, given)} <= known_names(), component
        secrets = {name for name in given if setting(name) in SECRETS}
        assert all(name.endswith("_FILE") for name in secrets), "a secret is in the environment"


@each_overlay
def test_each_secret_is_a_file_that_is_mounted(overlay: str) -> None:
    for template in templates(overlay).values():
        given = environment(overlay, template)
        named_files = {value for name, value in given.items() if setting(name) in SECRETS}
        assert named_files == {*mounted_files(template, documented_secrets())}


def test_only_the_migrations_have_the_url_of_the_owner() -> None:
    for component, template in templates("large").items():
        [sources] = [each["projected"]["sources"] for each in template["spec"]["volumes"] if "projected" in each]
        names = {each["secret"]["name"] for each in sources}
        assert ("reservation-owner" in names) is (component == "migrate")


@each_overlay
def test_the_settings_of_the_pods_are_valid(overlay: str, tmp_path: Path) -> None:
    for component in templates(overlay):
        made = settings(overlay, component, tmp_path)
        assert made.database_url == VALUES["database_url"]
        assert made.redis_url == VALUES["redis_url"]
        assert (made.metrics_token is None) is (component == "migrate"), "every visitor can read /metrics"


@each_overlay
def test_a_pod_has_more_time_to_end_than_the_service_takes(overlay: str, tmp_path: Path) -> None:
    for component in templates(overlay).keys() - {"migrate"}:
        made = settings(overlay, component, tmp_path)
        longest_s = made.stop_delay_s + made.shutdown_s + KILL_MARGIN_S
        assert templates(overlay)[component]["spec"]["terminationGracePeriodSeconds"] > longest_s + 5


@each_overlay
def test_the_ports_agree(overlay: str) -> None:
    """Those of the command line, of the container, its probes, the Services and the network policies."""
    for component, template in templates(overlay).items():
        given = container(template)
        ports = {each["name"]: each["containerPort"] for each in given.get("ports", ())}
        options = {"web": ("http", "--port"), "worker": ("metrics", "--metrics-port")}
        expected = {}
        if component in options:
            name, option = options[component]
            expected = {name: int(argument(given["args"], option))}
        assert ports == expected
        probes = [given[name] for name in given if name.endswith("Probe")]
        assert {each["httpGet"]["port"] for each in probes} == ports.keys()
        for service in of_kind(overlay, "Service"):
            if selects(service["spec"]["selector"], template):
                assert {each["targetPort"] for each in service["spec"]["ports"]} == ports.keys()
        for policy in of_kind(overlay, "NetworkPolicy"):
            if selects(policy["spec"]["podSelector"], template):
                admitted = [port["port"] for rule in policy["spec"].get("ingress", ()) for port in rule["ports"]]
                assert {*admitted} <= ports.keys()
    [ingress] = of_kind(overlay, "Ingress")
    [path] = ingress["spec"]["rules"][0]["http"]["paths"]
    target = path["backend"]["service"]
    served = named(overlay, "Service", target["name"])
    assert target["port"]["name"] in {each["name"] for each in served["spec"]["ports"]}


@each_overlay
def test_every_selector_is_of_pods_that_exist(overlay: str) -> None:
    pods = templates(overlay)
    kinds = ("Deployment", "PodDisruptionBudget", "Service")
    selectors: list[dict[str, Any]] = [each["spec"]["selector"] for each in of_kind(overlay, *kinds)]
    selectors += [each["spec"]["podSelector"] for each in of_kind(overlay, "NetworkPolicy")]
    for template in pods.values():
        spread = template["spec"].get("topologySpreadConstraints", ())
        assert all(selects(each["labelSelector"], template) for each in spread)
    assert len(selectors) >= 5
    assert [each for each in selectors if not any(selects(each, template) for template in pods.values())] == []


def test_the_autoscaler_and_nothing_else_sets_the_number_of_web_pods() -> None:
    [scaler] = of_kind("large", "HorizontalPodAutoscaler")
    target = named("large", scaler["spec"]["scaleTargetRef"]["kind"], scaler["spec"]["scaleTargetRef"]["name"])
    assert "replicas" not in target["spec"]
    assert 2 <= scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]
    assert "cpu" in container(target["spec"]["template"])["resources"]["requests"], "a share of nothing"


def test_the_page_says_how_many_connections_the_pods_take(tmp_path: Path) -> None:
    [scaler] = of_kind("large", "HorizontalPodAutoscaler")
    pods, surge = scaler["spec"]["maxReplicas"], 0
    for each in of_kind("large", "Deployment"):
        pods += each["spec"].get("replicas", 0)
        surge += each["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    made = settings("large", "web", tmp_path)
    a_pod = made.pool_size + made.reports_concurrency
    page = " ".join((ROOT / "docs/operations/deployment.md").read_text().split())
    assert f"that is {pods * a_pod} of them at the defaults, and {(pods + surge) * a_pod} during a rollout" in page


def test_metrics_are_scraped_with_their_token_from_every_service() -> None:
    [monitor] = of_kind("large", "ServiceMonitor")
    ports = {port["name"] for each in of_kind("large", "Service") for port in each["spec"]["ports"]}
    assert {each["port"] for each in monitor["spec"]["endpoints"]} == ports
    for each in monitor["spec"]["endpoints"]:
        credentials = each["authorization"]["credentials"]
        assert credentials["key"] in documented_secrets()[credentials["name"]]
    for each in of_kind("large", "Service"):
        assert monitor["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
        assert each["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "reservation", "the alerts name the job"


@each_overlay
def test_liveness_asks_no_store_and_leaves_time_to_the_supervisor(overlay: str, tmp_path: Path) -> None:
    """A store that fails must not restart a pod, and the supervisor replaces a worker that hangs by itself."""
    for component in templates(overlay).keys() - {"migrate"}:
        given = container(templates(overlay)[component])
        probe = given["livenessProbe"]
        assert probe["httpGet"]["path"] == "/health"
        hang_s = settings(overlay, component, tmp_path).worker_hang_s
        assert probe["periodSeconds"] * probe["failureThreshold"] > 3 * hang_s
    web = container(templates(overlay)["web"])
    assert (web["startupProbe"]["httpGet"]["path"], web["readinessProbe"]["httpGet"]["path"]) == ("/ready", "/health")


@each_overlay
def test_pods_run_without_privileges(overlay: str) -> None:
    uid, _, gid = instruction("USER").partition(":")
    for template in templates(overlay).values():
        spec, given = template["spec"], container(template)
        security = spec["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (int(uid), int(gid))
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert given["securityContext"] == {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True
        }  # fmt: skip
        assert {"cpu", "memory"} == given["resources"]["requests"].keys()
        assert "memory" in given["resources"]["limits"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        account = named(overlay, "ServiceAccount", spec["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    [namespace] = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_overlay
def test_the_only_folder_that_can_be_written_has_the_data_dir_of_the_image(overlay: str) -> None:
    [data_dir] = re.findall(r"DATA_DIR=(\S+)", instruction("ENV"))
    for template in templates(overlay).values():
        volumes = {each["name"]: each for each in template["spec"]["volumes"]}
        mounts = {each["mountPath"]: volumes[each["name"]] for each in container(template)["volumeMounts"]}
        writable = [path for path, volume in mounts.items() if "emptyDir" in volume]
        assert [path for path in writable if Path(data_dir).is_relative_to(path)] == writable == ["/tmp"]  # noqa: S108 - of the container
        assert all("sizeLimit" in volumes[name]["emptyDir"] for name in volumes if "emptyDir" in volumes[name])


@each_overlay
def test_every_pod_is_denied_what_no_policy_allows(overlay: str) -> None:
    default = named(overlay, "NetworkPolicy", "reservation-default")["spec"]
    assert {*default["policyTypes"]} == {"Ingress", "Egress"}
    assert "ingress" not in default
    assert all(selects(default["podSelector"], template) for template in templates(overlay).values())
    outside = named(overlay, "NetworkPolicy", "reservation-outside")["spec"]
    assert not selects(outside["podSelector"], templates(overlay)["migrate"])
    [block] = [to["ipBlock"] for rule in outside["egress"] for to in rule["to"]]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= {*block["except"]}


@each_overlay
def test_the_image_has_the_projects_version(overlay: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {container(template)["image"] for template in templates(overlay).values()}
    assert images == {f"registry.example.org/reservation:{version}"}
