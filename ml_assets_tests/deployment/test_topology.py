"""The deployment at work: migration, code servers, webserver and daemon as separate processes on a real PostgreSQL,
with the commands, files and variables of docker-compose.yaml, and those of docs/operations.md for a second shop.
"""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import yaml

from ml_assets_tests.alerts.receivers import http_receiver
from ml_assets_tests.deployment.containers import Containers, wait_until
from ml_assets_tests.deployment.files import ROOT
from ml_assets_tests.shop import write_shop

REPOSITORY = {"repositoryLocationName": "ml_assets", "repositoryName": "__repository__"}
OVER = ("SUCCESS", "FAILURE", "CANCELED")
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Everything is up, in the order of the file."""
    running = Containers(tmp_path_factory.mktemp("host"), password="s3cret/@: word")
    add_north(running, tmp_path_factory.mktemp("north"))
    try:
        assert running.is_healthy("postgres")
        running.start("migrate")
        assert running.finish("migrate") == 0, running.output("migrate")
        for name in ("code", "code-north"):
            running.start(name)
        for name in ("code", "code-north"):
            running.wait_until_healthy(name)
        running.start("webserver")
        running.start("daemon")
        running.wait_until_healthy("webserver")
        yield running
    finally:
        running.close()


def add_north(containers: Containers, folder: Path) -> None:
    """The second shop of docs/operations.md, with files of its own, and a process for each step."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Several shops")[2]
    override, workspace = re.findall(r"```yaml\n(.*?)```", page.partition("\n## ")[0], re.DOTALL)
    services = yaml.safe_load(override)["services"]
    assert services.keys() == {"code-north", "watch-north"}
    settings = write_shop(folder, name="north", days=14).read_text(encoding="utf-8")
    for name in ("events", "items.csv"):
        settings = settings.replace(f": {name}\n", f": {folder / name}\n")
    settings += "schedules: {executor: multiprocess}\n"
    containers.add_shop("north", settings, services, workspace)


def ask(containers: Containers, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    url = f"http://127.0.0.1:{containers.ports['3000']}/graphql"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        facts = json.load(answer)
    assert "errors" not in facts, facts
    return facts["data"]


def launch_items(containers: Containers, *, shop: str = "") -> str:
    """What the button Materialize does; the id of the run."""
    path = [shop, "items"] if shop else ["items"]
    assets = {"assetSelection": [{"path": path}], "assetCheckSelection": []}
    repository = {**REPOSITORY, "repositoryLocationName": shop or "ml_assets"}
    selector = {**repository, "jobName": "__ASSET_JOB", **assets}
    launched = ask(containers, LAUNCH, params={"selector": selector, "runConfigData": {}})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def status(containers: Containers, run: str) -> str:
    found = ask(containers, "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }", run=run)
    return str(found["runOrError"]["status"])


def test_the_database_refuses_those_without_the_password(containers: Containers) -> None:
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(containers.database_url(with_password=False))


def test_migration_prepares_the_shop_and_keeps_dagster_in_a_schema_of_its_own(containers: Containers) -> None:
    with psycopg.connect(containers.database_url()) as connection:
        schemas = {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}
        assert {"ml", "ml_store", "ml_meta", "dagster"} <= schemas
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM dagster.alembic_version").fetchone() == (1,)


def test_the_webserver_has_loaded_the_code_location_of_each_shop(containers: Containers) -> None:
    query = """{ workspaceOrError { ... on Workspace { locationEntries {
        name loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
    locations = ask(containers, query)["workspaceOrError"]["locationEntries"]
    loaded = {"loadStatus": "LOADED", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    assert sorted(locations, key=lambda one: str(one["name"])) == [
        {"name": "ml_assets", **loaded}, {"name": "north", **loaded}
    ]  # fmt: skip


def test_assets_of_every_step_are_listed(containers: Containers) -> None:
    nodes = ask(containers, "{ assetNodes { assetKey { path } } }")["assetNodes"]
    keys = {"/".join(node["assetKey"]["path"]) for node in nodes}
    assert {"transactions", "items", "interactions", "recommender_model", "recommendations_release"} <= keys
    assert {key.removeprefix("north/") for key in keys if key.startswith("north/")} == {
        key for key in keys if not key.startswith("north/")
    }


def test_schedules_run_without_anybody_switching_them_on(containers: Containers) -> None:
    query = """query ($repository: RepositorySelector!) { schedulesOrError(repositorySelector: $repository) {
        ... on Schedules { results { name scheduleState { status } } } } }"""
    schedules = ask(containers, query, repository=REPOSITORY)["schedulesOrError"]["results"]
    states = {schedule["name"]: schedule["scheduleState"]["status"] for schedule in schedules}
    assert {"daily_scoring_schedule", "weekly_training_schedule", "weekly_report_schedule"} == states.keys()
    assert set(states.values()) == {"RUNNING"}


def test_sensors_run_without_anybody_switching_them_on(containers: Containers) -> None:
    query = """query ($repository: RepositorySelector!) { sensorsOrError(repositorySelector: $repository) {
        ... on Sensors { results { name sensorState { status } } } } }"""
    sensors = ask(containers, query, repository=REPOSITORY)["sensorsOrError"]["results"]
    states = {sensor["name"]: sensor["sensorState"]["status"] for sensor in sensors}
    assert states == dict.fromkeys(("alerts", "source_changes", "retraining"), "RUNNING")


def test_the_daemons_are_healthy(containers: Containers) -> None:
    def statuses() -> list[dict[str, Any]]:
        found = ask(containers, DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [status for status in found if status["required"]]

    wait_until(lambda: all(status["healthy"] for status in statuses()), 120, lambda: f"unhealthy: {statuses()}")
    assert {"SCHEDULER", "QUEUED_RUN_COORDINATOR", "MONITORING"} <= {status["daemonType"] for status in statuses()}
    assert containers.is_healthy("daemon")


def test_a_run_started_in_the_ui_passes_the_queue_and_writes_the_lake(containers: Containers) -> None:
    run, north = launch_items(containers), launch_items(containers, shop="north")
    wait_until(lambda: status(containers, run) in OVER, 180, lambda: f"the run is {status(containers, run)}")
    query = "query ($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { __typename } } } }"
    events = [event["__typename"] for event in ask(containers, query, run=run)["logsForRun"]["events"]]
    assert status(containers, run) == "SUCCESS", containers.output("code")
    wanted = ["RunEnqueuedEvent", "RunStartingEvent", "MaterializationEvent", "RunSuccessEvent"]
    assert [event for event in events if event in wanted] == wanted, events
    assert pl.read_parquet(containers.lake() / "items.parquet").height > 90_000
    wait_until(lambda: status(containers, north) in OVER, 180, lambda: f"the run is {status(containers, north)}")
    assert status(containers, north) == "SUCCESS", containers.output("code-north")
    assert pl.read_parquet(containers.lake() / "north" / "items.parquet").height == 30
    assert list((containers.logs() / "compute_logs" / run).rglob("*.err"))


def test_when_the_daemon_is_killed_watch_tells_it(containers: Containers) -> None:
    def evaluations() -> list[Any]:
        with psycopg.connect(containers.database_url()) as connection:
            return connection.execute("SELECT evaluated_at FROM ml_meta.evaluators").fetchall()

    wait_until(lambda: bool(evaluations()), 120, lambda: f"the sensor never ran:\n{containers.output('daemon')}")
    containers.kill("daemon")
    settings = containers.settings_file()
    before = settings.read_text(encoding="utf-8")
    with http_receiver() as hook:
        alerts = f"alerts: {{silent_after: 1s, channels: {{ops: {{url: '{hook.url}'}}}}}}"
        settings.write_text(f"{before}\n{alerts}\n", encoding="utf-8")
        containers.start("watch")
        containers.wait_until_healthy("watch")
        wait_until(lambda: bool(hook.titles), 60, lambda: f"nothing was told:\n{containers.output('watch')}")
        assert hook.titles == ["ERROR: dagster is silent"]
        containers.stop("watch", seconds=60)
    settings.write_text(before, encoding="utf-8")
    containers.start("daemon")


def test_a_stopping_code_server_lets_a_run_finish_and_everything_ends_on_sigterm(containers: Containers) -> None:
    wait_until(lambda: not containers.is_running_a_run("code"), 60, lambda: "the last run has not ended")
    run = launch_items(containers)
    wait_until(lambda: containers.is_running_a_run("code"), 60, lambda: f"the run is {status(containers, run)}")
    assert status(containers, run) not in OVER
    containers.stop("code", seconds=120)
    assert status(containers, run) == "SUCCESS", containers.output("code")
    for name in ("code-north", "daemon", "webserver"):
        containers.stop(name, seconds=60)
    print({name: f"healthy after {seconds:.1f} s" for name, seconds in containers.seconds_until_healthy.items()})
    assert containers.seconds_until_healthy.keys() == {"code", "code-north", "webserver", "watch"}
    assert containers.leftovers() == []


def test_a_code_server_whose_settings_are_wrong_ends_and_says_why(containers: Containers) -> None:
    settings = containers.settings_file()
    settings.write_text("timezone: Mars/Olympus\n", encoding="utf-8")
    containers.start("code")
    assert containers.finish("code") != 0
    assert "ml_assets.yaml): timezone: not an IANA time zone" in containers.output("code")
