"""Two shops at once: two settings files, one database, one home, one Dagster; nothing of one in the other.

Their customers have the same ids, their items do not. Two code locations in one workspace are in `test_topology.py`.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import errors

from ml_assets import definitions
from ml_assets.cli.workspace import Workspace
from ml_assets.dagster.automation.alert_sensor import what_to_watch
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.findings import collect_dagster
from ml_assets.dagster.instance import open_instance
from ml_assets.dagster.shop import Shop as Described
from ml_assets.database.names import Schemas
from ml_assets.lake import Lake
from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source
from ml_assets_tests.alerts.receivers import Hook, http_receiver
from ml_assets_tests.cli.shops import Shop, running_shop
from ml_assets_tests.refused import refused
from ml_assets_tests.shop import write_shop

pytestmark = pytest.mark.long

PROGRAM = [sys.executable, "-c", "from ml_assets.cli.main import main; main()"]
NAMES = {"books": "i", "wine": "w"}
"""Shop -> first letter of its items."""
FIRST, SECOND = date(2024, 5, 30), date(2024, 5, 31)


@pytest.fixture(scope="module")
def hooks() -> Iterator[dict[str, Hook]]:
    """Where each shop's alerts go."""
    with http_receiver() as books, http_receiver() as wine:
        yield {"books": books, "wine": wine}


@pytest.fixture(scope="module")
def shops(
    embedded_url: str, tmp_path_factory: pytest.TempPathFactory, hooks: dict[str, Hook]
) -> Iterator[dict[str, Shop]]:
    """Both ran the first day at the same time; then one the second, while the other failed."""
    folder = tmp_path_factory.mktemp("two_shops")
    with running_shop(embedded_url, folder, "two_shops") as running:
        made = {}
        for name, letter in NAMES.items():
            shop = made[name] = Shop(folder / name, running.url)
            shop.config = write_shop(folder / name, name=name, letter=letter)
            shop.home = folder / "home"
            settings = shop.config.read_text(encoding="utf-8")
            more = f"home: ../home\nalerts: {{channels: {{ops: {{url: '{hooks[name].url}'}}}}}}\n"
            shop.config.write_text(settings + more, encoding="utf-8")
        at_the_same_time(made, FIRST, failing=None)
        (made["wine"].config.parent / "items.csv").write_text("no,such,columns\n1,2,3\n")
        at_the_same_time(made, SECOND, failing="wine")
        yield made


def at_the_same_time(shops: dict[str, Shop], day: date, *, failing: str | None) -> None:
    """Run a day of every shop; all but one succeed."""
    command = [*PROGRAM, "run", "--date", day.isoformat(), "--config"]
    environment = {**os.environ, "DATABASE_URL": shops["books"].url}
    running = {
        name: subprocess.Popen(
            [*command, str(shop.config)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for name, shop in shops.items()
    }
    said = {name: process.communicate(timeout=240)[1] for name, process in running.items()}
    codes = {name: process.returncode for name, process in running.items()}
    assert codes == {name: int(name == failing) for name in shops}, said


def other(name: str) -> str:
    return next(each for each in NAMES if each != name)


@pytest.mark.parametrize("name", NAMES)
def test_each_shop_serves_its_own_items_and_a_failure_of_one_holds_up_nobody_else(
    name: str, shops: dict[str, Shop]
) -> None:
    lists = f"SELECT DISTINCT substr(item_id, 1, 1), data_as_of FROM {name}_ml.recommendations"
    assert shops[name].rows(lists) == [(NAMES[name], SECOND if name == "books" else FIRST)]
    similar = f"SELECT DISTINCT substr(similar_item_id, 1, 1) FROM {name}_ml.similar_items"
    assert shops[name].rows(similar) == [(NAMES[name],)]


@pytest.mark.parametrize("name", NAMES)
def test_no_role_of_one_shop_may_read_or_write_anything_of_the_other(name: str, shops: dict[str, Shop]) -> None:
    mine, theirs = Schemas(name), Schemas(other(name))
    assert shops[name].call("add-reader", f"app_of_{name}") == 0
    roles = (f"app_of_{name}", mine.reader, mine.merchandiser, mine.exposure, mine.writer, mine.owner)
    with psycopg.connect(shops[name].url, autocommit=True) as connection:
        schemas = [theirs.ml, theirs.store, theirs.meta]
        rights = connection.execute(
            "SELECT r, s FROM unnest(%s::text[]) AS r, unnest(%s::text[]) AS s "
            "WHERE has_schema_privilege(r, s, 'USAGE') OR has_schema_privilege(r, s, 'CREATE') "
            "OR pg_has_role(r, %s, 'MEMBER')",
            [list(roles), schemas, theirs.reader],
        ).fetchall()
        assert rights == []
        connection.execute(f"SET ROLE app_of_{name}")
        assert connection.execute(f"SELECT count(*) > 0 FROM {mine.ml}.recommendations").fetchone() == (True,)
        for query in ("TABLE {}.recommendations", "SELECT {}.recommend('c-001', 'for_you', 3)", "TABLE {}.freshness"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(query.format(theirs.ml))


@pytest.mark.parametrize("name", NAMES)
def test_each_lake_holds_its_own_items_only(name: str, shops: dict[str, Shop]) -> None:
    lake = shops[name].home / "lake"
    assert {path.name for path in lake.iterdir()} == set(NAMES)
    for path in (lake / name).rglob("*.parquet"):
        frame = pl.read_parquet(path)
        if frame.schema.get("item_id") == pl.String:
            assert set(frame["item_id"].drop_nulls().str.head(1)) <= {NAMES[name]}, path


def test_one_dagster_instance_holds_both_under_keys_and_jobs_of_their_own(shops: dict[str, Shop]) -> None:
    keys = {row[0] for row in shops["books"].rows("SELECT asset_key::json ->> 0 FROM dagster.asset_keys")}
    assert keys == set(NAMES)
    jobs = shops["books"].rows("SELECT DISTINCT pipeline_name, status FROM dagster.runs")
    assert {job.partition("_")[0] for job, _ in jobs} == set(NAMES)
    assert {job.partition("_")[0] for job, status in jobs if status == "FAILURE"} == {"wine"}


@pytest.mark.parametrize("name", NAMES)
def test_what_fails_in_one_shop_is_a_finding_of_that_shop_alone(name: str, shops: dict[str, Shop]) -> None:
    settings = load_settings(shops[name].config)
    defined = build_defs(settings, today=date(2024, 6, 1))
    described = Described.of(settings, build_source(settings, today=date(2024, 6, 1)))
    repository = defined.get_repository_def()
    assert {key.path[0] for key in repository.asset_graph.get_all_asset_keys()} == {name}
    with open_instance(settings) as instance:
        found = collect_dagster(instance, what_to_watch(described, repository)).findings
    assert [one.subject for one in found if one.kind == "run"] == ([] if name == "books" else ["daily_scoring"])


def test_one_ui_shows_both_by_their_settings_files(shops: dict[str, Shop], tmp_path: Path) -> None:
    """The workspace that `ml-assets ui --config books.yaml --config wine.yaml` starts Dagster with."""
    both = Workspace.of([shop.config for shop in shops.values()])
    locations = json.loads(both.write(tmp_path).read_text())["load_from"]
    assert [each["python_module"]["location_name"] for each in locations] == list(NAMES)
    assert "ML_ASSETS_CONFIG" not in both.environment()
    for name, location in zip(NAMES, locations, strict=True):
        loaded = getattr(definitions, location["python_module"]["attribute"])
        keys = loaded.get_repository_def().asset_graph.get_all_asset_keys()
        assert {key.path[0] for key in keys} == {name}


def test_shops_that_cannot_share_a_dagster_are_refused(tmp_path: Path) -> None:
    first, second = (write_shop(tmp_path / name, name=name) for name in ("first", "second"))
    with refused("settings.wrong", "same name"):
        Workspace.of([first, first])
    for shop, host in ((first, "a"), (second, "b")):
        shop.write_text(f"{shop.read_text()}database_url: postgresql://{host}/shop\n")
    with refused("settings.wrong", "databases of their own"):
        Workspace.of([first, second])


@pytest.mark.parametrize("name", NAMES)
def test_freshness_is_each_shops_own(name: str, shops: dict[str, Shop], capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert shops[name].call("status", "--json") == 2
    ages = {row["subject"]: row["data_as_of"] for row in json.loads(capfd.readouterr().out)}
    assert ages["recommendations"] == (SECOND if name == "books" else FIRST).isoformat()


def test_alerts_go_to_the_channels_of_the_shop_that_they_are_about(
    shops: dict[str, Shop], hooks: dict[str, Hook]
) -> None:
    metrics = shops["wine"].home / "wine.prom"
    assert shops["wine"].call("watch", "--once", "--textfile", str(metrics)) == 2
    shown = metrics.read_text()
    assert 'ml_assets_last_run_success{job="daily_scoring",shop="wine"} 0.0' in shown
    assert 'ml_assets_last_run_success{job="weekly_training",shop="wine"} 1.0' in shown
    assert re.search(r'ml_assets_rows\{kind="predictions",shop="wine",subject="recommendations"\} 120\.0', shown)
    assert "books" not in shown
    assert hooks["wine"].messages
    assert not hooks["books"].messages
    assert shops["books"].rows("SELECT count(*) FROM books_ml.incidents") == [(0,)]
    assert shops["books"].call("watch", "--once") == 2
    for name, hook in hooks.items():
        assert all(name in message["title"] + message["body"] for message in hook.messages)
        assert not any(other(name) in message["title"] + message["body"] for message in hook.messages)


def test_a_person_who_is_erased_in_one_shop_stays_in_the_other(shops: dict[str, Shop]) -> None:
    def everywhere(name: str) -> tuple[int, int, int]:
        home = shops[name].home
        lake = sum(
            frame.filter(pl.col("customer_id") == "c-001").height
            for path in (home / "lake" / name).rglob("*.parquet")
            if "customer_id" in (frame := pl.read_parquet(path)).columns
        )
        rows = shops[name].rows(f"SELECT count(*) FROM {name}_ml.recommendations WHERE customer_id = 'c-001'")
        exported = pl.read_csv(home / f"exports-{name}" / "recommendations.csv")
        return rows[0][0], lake, exported.filter(pl.col("customer_id") == "c-001").height

    for shop in shops.values():
        assert shop.call("export", "recommendations") == 0
    before = everywhere("wine")
    assert min(before) > 0
    assert shops["books"].call("erase", "--customer", "c-001", "--verify") == 0
    assert everywhere("books") == (0, 0, 0)
    assert everywhere("wine") == before


def test_a_shop_without_a_name_leaves_the_files_of_those_beside_it_alone(tmp_path: Path) -> None:
    whole, named = Lake(tmp_path / "lake"), Lake(tmp_path / "lake" / "wine")
    frame = pl.DataFrame({"customer_id": [1]})
    for lake in (whole, named):
        lake.write("transactions", frame, "2024-05-30")
        lake.write("items", frame)
    own = [str(path.relative_to(whole.root)) for path in whole.files(".parquet")]
    assert own == ["items.parquet", "transactions/2024-05-30.parquet"]
    assert len(list(named.files(".parquet"))) == 2
