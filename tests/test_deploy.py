"""What is in deploy/ is well-formed, names settings and metrics that there are, and hardens what it can."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import STOP_SECONDS
from tests.test_docs import ROOT
from wce import config
from wce.core import assets
from wce.metrics import Metrics
from wce.web.bodies import JSON_BYTES
from wce.web.incoming import BODY_BYTES
from wce.web.uploads import FORM_BYTES

DEPLOY = ROOT / "deploy"
SETTINGS = {name for name, _default, _description in config.describe()}
MANIFESTS = [
    document for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
# The fields that these kinds may have here; a misspelt one would be dropped in silence by an older cluster.
POD = {
    *("automountServiceAccountToken", "containers", "enableServiceLinks", "securityContext", "terminationGracePeriodSeconds", "volumes"),
}
CONTAINER = {
    *("name", "image", "imagePullPolicy", "ports", "env", "startupProbe", "livenessProbe", "readinessProbe", "resources"),
    *("securityContext", "volumeMounts"),
}


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [document for document in MANIFESTS if document["kind"] == kind]
    return dict(found)


@pytest.mark.parametrize("path", [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()], ids=lambda path: path.name)
def test_it_names_no_setting_that_there_is_not(path: Path) -> None:
    named = set(re.findall(r"\b(WCE_[A-Z_]+[A-Z]|ALLOW_NEW_CENVS)\b", path.read_text(encoding="utf-8"))) - {"WCE_DOMAIN"}

    assert named <= SETTINGS


def test_the_image_holds_what_the_server_reads_and_runs_as_nobody_special() -> None:
    lines = text("Dockerfile").splitlines()

    copied = {line.split()[1] for line in lines if line.startswith("COPY") and "--from" not in line}
    assert {"wce", "static", "templates", "docs", "examples", "app.py", "requirements.txt"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    assert "USER wce" in lines[lines.index("USER wce") :]
    assert lines.index("USER wce") < next(index for index, line in enumerate(lines) if line.startswith("CMD"))


CENV = "/00000000-0000-4000-8000-000000000000"
FILE = config.Settings().max_import_mb * 1024 * 1024 + FORM_BYTES
TAKEN = {
    "/new": FILE,
    f"{CENV}/admin/import": FILE,
    f"{CENV}/admin/tables/import": FILE,
    f"{CENV}/admin/assets": assets.MAX_BYTES + FORM_BYTES,
    f"{CENV}/admin/assets/pictures/a.png": assets.MAX_BYTES,
    f"{CENV}/query": JSON_BYTES,
    f"{CENV}/api/files": BODY_BYTES,
}


@pytest.mark.parametrize(("path", "size"), TAKEN.items())
def test_nginx_lets_through_what_the_server_takes(path: str, size: int) -> None:
    told = re.split(r"^```nginx$", (ROOT / "docs/operating.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1].split("```")[0]
    usual = re.findall(r"^    client_max_body_size (\d+)m;$", told, re.MULTILINE)
    places = re.findall(r"location ~ (\S+) \{\s+client_max_body_size (\d+)m;", told)

    (most,) = [most for pattern, most in places if re.search(pattern, path)] or usual

    assert int(most) * 1024 * 1024 >= size


def test_the_ingress_lets_through_what_the_server_takes() -> None:
    most = manifest("Ingress")["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]

    assert int(most.removesuffix("m")) * 1024 * 1024 >= max(TAKEN.values())


def test_the_compose_file_keeps_the_server_behind_its_proxy() -> None:
    services = yaml.safe_load(text("compose.yaml"))["services"]

    assert "ports" not in services["wce"]
    assert services["wce"]["environment"]["WCE_TRUSTED_PROXY"] == services["proxy"]["networks"]["front"]["ipv4_address"]
    assert services["wce"]["read_only"] is True
    assert services["wce"]["cap_drop"] == ["ALL"]
    assert (DEPLOY / services["wce"]["build"]["context"] / services["wce"]["build"]["dockerfile"]).exists()
    assert services["wce"]["volumes"] == ["cenvs:/data"]


def test_the_unit_starts_the_server_and_waits_for_its_stop() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text("wce.service"))

    service = unit["Service"]
    assert service["ExecStart"].endswith("app.py")
    assert float(service["TimeoutStopSec"]) > STOP_SECONDS
    assert service["User"] == "wce"
    assert service["ProtectSystem"] == "strict"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_the_unit_leaves_the_processes_of_scripts_to_the_server() -> None:
    """By default systemd sends SIGTERM to them, too, and a script that ran was answered with 502; one without memory ended the server."""
    lines = text("wce.service").splitlines()

    assert {"KillMode=mixed", "OOMPolicy=continue"} <= set(lines)


def test_every_manifest_says_what_it_is() -> None:
    assert {(document["apiVersion"], document["kind"]) for document in MANIFESTS} == {
        ("v1", "Service"),
        ("apps/v1", "StatefulSet"),
        ("networking.k8s.io/v1", "Ingress"),
    }
    assert all(re.fullmatch(r"[a-z0-9-]+", document["metadata"]["name"]) for document in MANIFESTS)


def test_the_pod_has_known_fields_one_replica_and_no_rights() -> None:
    stateful = manifest("StatefulSet")["spec"]
    pod = stateful["template"]["spec"]
    (container,) = pod["containers"]

    assert set(pod) <= POD
    assert set(container) <= CONTAINER
    assert stateful["replicas"] == 1
    assert stateful["selector"]["matchLabels"] == stateful["template"]["metadata"]["labels"] == manifest("Service")["spec"]["selector"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    there = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    assert mounted == there


def test_the_pod_has_the_server_make_its_folder() -> None:
    """The root of a volume belongs to root whatever `fsGroup` says, and the server will not have one that others may look into."""
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    (disk,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "cenvs"]

    folder = {item["name"]: item.get("value", "") for item in container["env"]}["WCE_STORAGE_DIR"]

    assert folder.startswith(f"{disk}/")


def test_the_probes_ask_for_what_the_server_answers() -> None:
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]

    assert [container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")] == [
        "/health/live",
        "/health/live",
        "/health/ready",
    ]
    assert container["ports"][0]["name"] == container["readinessProbe"]["httpGet"]["port"] == "http"


def test_the_ingress_leads_to_the_service() -> None:
    (rule,) = manifest("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]

    assert path["backend"]["service"]["name"] == manifest("Service")["metadata"]["name"]
    assert rule["host"] in manifest("Ingress")["spec"]["tls"][0]["hosts"]


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads(text("grafana.json"))
    there = {
        f"{family._name}{suffix}": set(family._labelnames)
        for family in Metrics().registry._collector_to_names
        for suffix in {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family._type, ("",))
    }

    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            named = set(re.findall(r"\bwce_\w+", target["expr"]))
            assert named
            assert named <= there.keys(), panel["title"]
            labels = {label for found in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in found.split(", ")} - {"le"}
            assert all(labels <= there[name] for name in named), panel["title"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
