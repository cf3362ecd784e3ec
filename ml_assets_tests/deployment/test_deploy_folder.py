"""What is delivered in deploy/ and shown in docs/operations.md: units, crontab, rules, board, launchers.

Each is judged by the program that will read it where that is here, and by the running contract where it names figures.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import (  # noqa: TID251 what dagster.yaml is read with; there is no public way to ask
    process_config,
    resolve_to_config_type,
)
from dagster_docker import DockerRunLauncher
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from psycopg import sql

from ml_assets.alerts.watch.metrics import Metrics
from ml_assets.books.activity import read_activity
from ml_assets.books.freshness import sync_policies
from ml_assets.contract.logins import Limits, add_reader
from ml_assets.database.connection import ServingConnection
from ml_assets.settings.shop import Settings
from ml_assets_tests.deployment.files import ROOT
from ml_assets_tests.releases.frames import assignments, recommendations, release, segments

DEPLOY = ROOT / "deploy"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "ml_assets.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
UNITS = sorted((DEPLOY / "systemd").iterdir())
# Series to put in, and what must have become of them.
RULE_TESTS = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'ml_assets_status{shop="books",subject="recommendations",kind="predictions"}', values: '0x10 2x30'}
      - {series: 'ml_assets_evaluation_timestamp_seconds{shop="books"}', values: '0+60x10 600x60'}
    alert_rule_test:
      - {eval_time: 9m, alertname: MlAssetsStale, exp_alerts: []}
      - eval_time: 25m
        alertname: MlAssetsStale
        exp_alerts:
          - exp_labels: {severity: error, shop: books, subject: recommendations, kind: predictions}
            exp_annotations:
              {summary: recommendations of the shop books is stale or missing, runbook: docs/alerts.md#stale}
      - {eval_time: 20m, alertname: MlAssetsWatchSilent, exp_alerts: []}
      - eval_time: 30m
        alertname: MlAssetsWatchSilent
        exp_alerts:
          - exp_labels: {severity: error, shop: books}
            exp_annotations: {summary: Nothing was judged in the shop books for 20m 0s, runbook: docs/alerts.md#silent}
"""


def program(name: str) -> str:
    """Where a program is; the test is skipped where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here")
    return found


def metric_names() -> set[str]:
    return {family.name for family in Metrics("books").registry.collect()}


def test_systemd_takes_the_units_as_they_are(tmp_path: Path) -> None:
    """For a shop whose program is there; paths are put into this folder, because nothing may be made in /srv."""
    analyze = program("systemd-analyze")
    start = tmp_path / "srv" / "shops" / "books" / ".venv" / "bin" / "ml-assets"
    start.parent.mkdir(parents=True)
    start.write_text("#!/bin/sh\n")
    start.chmod(0o755)
    names = []
    for unit in UNITS:
        place = tmp_path / unit.name.replace("@.", "@books.")
        place.write_text(unit.read_text(encoding="utf-8").replace("/srv/", f"{tmp_path}/srv/"), encoding="utf-8")
        names.append(str(place))
    judged = subprocess.run([analyze, "verify", *names], capture_output=True, text=True, check=False)
    ours = [line for line in judged.stderr.splitlines() if "ml-assets" in line or str(tmp_path) in line]
    assert (ours, judged.returncode) == ([], 0), judged.stderr


def test_the_crontab_is_the_one_of_the_document() -> None:
    delivered = (DEPLOY / "cron" / "ml_assets").read_text(encoding="utf-8")
    shown = re.findall(r"```crontab\n(.*?)```", OPERATIONS, re.DOTALL)[0]
    assert re.sub(r"(?m)^#.*\n", "", delivered) == shown
    for line in shown.splitlines():
        assert re.match(r"([A-Z_]+=\S+|[\d*/]+( [\d*/]+){4} +ml_assets +cd \S+ && \S+ml-assets )", line), line


def test_every_metric_is_in_the_document_and_every_one_of_the_document_exists() -> None:
    named = set(re.findall(r"`(ml_assets_[a-z_]+)`", OPERATIONS.partition("## Metrics")[2].partition("\n## ")[0]))
    assert named == metric_names()


def test_rules_speak_of_metrics_and_sections_of_the_runbook_that_exist() -> None:
    runbook = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8").partition("## Runbook")[2]
    sections = {*re.findall(r"(?m)^### (\w+)$", runbook), "runbook"}
    for rule in RULES["groups"][0]["rules"]:
        assert set(re.findall(r"ml_assets_\w+", rule["expr"])) <= metric_names()
        assert rule["annotations"]["runbook"].partition("#")[2] in sections


def test_promtool_takes_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    promtool, rules = program("promtool"), DEPLOY / "prometheus" / "rules.yaml"
    cases = tmp_path / "cases.yaml"
    cases.write_text(RULE_TESTS.replace("RULES", str(rules)), encoding="utf-8")
    for command in (["check", "rules", str(rules)], ["test", "rules", str(cases)]):
        judged = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert judged.returncode == 0, judged.stdout + judged.stderr


def lost(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """What Grafana's own types do not know, or know otherwise."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from lost(value, after.get(key, "nothing"), f"{where}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from lost(*pair, f"{where}/{number}")
    elif before != after:
        yield f"{where}: {before!r} became {after!r}"


def test_the_board_is_one_by_grafanas_own_types() -> None:
    assert list(lost(BOARD, json.loads(JSONEncoder().encode(Dashboard.from_json(BOARD))))) == []
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@pytest.fixture
def reader(connection: ServingConnection) -> ServingConnection:
    """A login that reads, on a shop with releases."""
    for day in (0, 1):
        release(connection, recommendations(), day=day)
        release(connection, assignments(), "segment_assignments", day=day, segments=segments())
    sync_policies(connection, Settings())
    add_reader(connection, "grafana", Limits())
    connection.execute("SET ROLE grafana")
    return connection


def test_every_question_of_the_board_is_answered_to_a_login_that_reads(reader: ServingConnection) -> None:
    empty = []
    try:
        for panel in BOARD["panels"]:
            (target,) = panel["targets"]
            query = target["rawSql"].replace("$schema", "ml")
            query = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN now() - interval '30 days' AND now()", query)
            assert "$" not in query
            rows = reader.execute(sql.SQL(query)).fetchall()
            empty += [] if rows else [panel["title"]]
    finally:
        reader.execute("RESET ROLE")
        reader.execute("DROP ROLE grafana")
    assert set(empty) <= {"Incidents", "Incidents opened", "Days that changed"}


def launchers() -> dict[str, dict[str, Any]]:
    blocks = re.findall(r"```yaml\n(run_launcher:.*?)```", OPERATIONS, re.DOTALL)
    found = [yaml.safe_load(block)["run_launcher"] for block in blocks]
    return {each["class"]: each["config"] for each in found}


def test_the_launcher_of_containers_is_configured_as_it_asks_to_be() -> None:
    asked = resolve_to_config_type(DockerRunLauncher.config_type())  # type: ignore[no-untyped-call]
    judged = process_config(asked, launchers()["DockerRunLauncher"])
    assert judged.success, judged.errors


def test_the_launcher_of_pods_is_configured_as_it_asks_to_be() -> None:
    launcher = pytest.importorskip("dagster_k8s", reason="the extra kubernetes is not installed").K8sRunLauncher
    judged = process_config(resolve_to_config_type(launcher.config_type()), launchers()["K8sRunLauncher"])
    assert judged.success, judged.errors


def test_activity_is_empty_where_dagster_keeps_its_tables_elsewhere(connection: ServingConnection) -> None:
    release(connection, recommendations())
    activity = read_activity(connection, "")
    assert activity.runs == []
    assert list(activity.live_rows) == ["recommendations"]
