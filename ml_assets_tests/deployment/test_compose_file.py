"""docker-compose.yaml: valid by the Compose Specification, complete, and safe as it is delivered."""

import json
import re
from importlib import resources
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from ml_assets.secret_files import VARIABLES
from ml_assets_tests.deployment.files import (
    DOCKER,
    compose,
    copied,
    image_entrypoint,
    image_environment,
    variables_used,
)

FILE = compose({})
WITH_ALL_SECRETS = compose({}, secrets=True)
SERVICES: dict[str, Any] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("ml-assets")}
RUNNING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
EXAMPLE = (DOCKER / ".env.example").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["docker-compose.yaml", "docker-compose.secrets.yaml"])
def test_the_files_are_valid_by_the_compose_specification(name: str) -> None:
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    for file in (yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")), FILE, WITH_ALL_SECRETS):
        jsonschema.Draft202012Validator(schema).validate(file)


def test_every_variable_is_explained_in_the_example_and_used_by_the_file() -> None:
    explained = set(re.findall(r"(?m)^#?([A-Z_]+)=", EXAMPLE))
    assert explained - {"COMPOSE_FILE"} == variables_used()


@pytest.mark.parametrize("file", [FILE, WITH_ALL_SECRETS], ids=["default", "all secrets"])
def test_secrets_are_files_and_stand_in_no_variable(file: dict[str, Any]) -> None:
    used = set()
    for service in file["services"].values():
        named = {name: value for name, value in service["environment"].items() if "/run/secrets/" in value}
        assert {value.removeprefix("/run/secrets/") for value in named.values()} <= set(service["secrets"])
        assert all(name.endswith("_FILE") for name in named)
        secret = re.compile(r"PASSWORD|SECRET|TOKEN|KEY")
        assert not [name for name in service["environment"] if secret.search(name) and not name.endswith("_FILE")]
        used |= set(service["secrets"])
    assert used == set(file["secrets"])
    assert {secret["file"] for secret in file["secrets"].values()} == {f"./secrets/{name}" for name in file["secrets"]}


@pytest.mark.parametrize("name", OURS)
def test_a_secret_that_is_given_as_a_file_is_read_by_the_image_and_given_only_once(name: str) -> None:
    environment = WITH_ALL_SECRETS["services"][name]["environment"]
    files = {key.removesuffix("_FILE") for key in environment if key.endswith("_FILE")}
    assert not {key for key in files if environment.get(key)}
    assert all(key in VARIABLES or key.startswith("ML_ASSETS_") for key in files)
    assert image_entrypoint()[-2:] == ["-m", "ml_assets.secret_files"]


def test_every_volume_is_declared_and_used() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {name for name in mounted if not name.startswith(".")} == set(FILE["volumes"])
    assert {name for name in mounted if name.startswith(".")} == {"./settings", "./data"}


def test_every_file_named_on_the_host_exists() -> None:
    for service in OURS.values():
        assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert service["build"]["args"].keys() == {"EXTRAS", "BASE"}
    assert (DOCKER / "settings" / "ml_assets.yaml").is_file()


def test_every_file_named_in_the_containers_is_in_the_image() -> None:
    words = [
        word
        for service in OURS.values()
        for word in service["command"] + service.get("healthcheck", {}).get("test", [])
    ]
    named = {path for word in words for path in re.findall(r"/opt/dagster/\S+", word)}
    assert named
    assert named <= set(copied())
    assert f"{image_environment()['DAGSTER_HOME']}/dagster.yaml" in copied()


def test_ports_are_open_on_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_services_wait_for_those_they_need() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            is_once = wait["condition"] == "service_completed_successfully"
            assert is_once == (SERVICES[name]["restart"] == "no")
            assert is_once or "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", RUNNING)
def test_running_services_are_watched_restarted_bounded_and_stopped_gently(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["mem_limit"]
    number, unit = re.fullmatch(r"(\d+)([sm])", service["stop_grace_period"]).groups()  # type: ignore[union-attr]
    assert int(number) * {"s": 1, "m": 60}[unit] >= 60
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_reap_children_and_gain_no_rights(name: str) -> None:
    assert SERVICES[name]["init"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in SERVICES[name]


def test_what_dagster_yaml_reads_and_writes_is_there_for_every_process_of_dagster() -> None:
    instance = yaml.safe_load((DOCKER / "dagster.yaml").read_text(encoding="utf-8"))
    folders = {instance[key]["config"]["base_dir"] for key in ("local_artifact_storage", "compute_logs")}
    for service in OURS.values():
        assert instance["storage"]["postgres"]["postgres_url"]["env"] in service["environment"]
        mounts = {volume.split(":")[1] for volume in service["volumes"]}
        assert all(any(folder.startswith(mount) for mount in mounts) for folder in folders)


def test_the_workspace_names_the_code_server() -> None:
    (location,) = yaml.safe_load((DOCKER / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    server = location["grpc_server"]
    assert server["host"] == "code"
    command = SERVICES["code"]["command"]
    assert command[command.index("-p") + 1] == str(server["port"])
    assert SERVICES["code"]["healthcheck"]["test"][-1] == str(server["port"])
