"""The benchmarks run; what they measure is never judged here, because machines are shared."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.read import FIRST_DAY, write_history
from benchmarks.read_sides import SIDES
from benchmarks.scoring import K, available, random_rows
from benchmarks.scoring_floors import BlockedProduct
from benchmarks.sides import interleaved, ratios
from ml_assets.events.contract import EVENT_COLUMNS
from ml_assets.models.matrices.dense_scores import top_factors
from ml_assets.models.matrices.sparse_scores import top_items

ROOT = Path(__file__).parent.parent


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.long
def test_a_short_run_of_the_scoring_benchmark_gives_every_figure() -> None:
    ran = benchmarks("scoring", "--quick", "--json")
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(ran.stdout)
    assert [each["case"] for each in facts["cases"]] == [
        "dense, flat norms",
        "dense, built-in data",
        "sparse, built-in data",
        "sparse, skewed",
    ]
    for each in facts["cases"]:
        assert each["ours_ratio_of_minima"] == pytest.approx(each["ours_seconds"] / each["floor_seconds"])
    assert facts["workers"] >= 1
    assert facts["blas"]


@pytest.mark.long
def test_a_short_run_of_the_ranker_benchmark_gives_cost_equality_and_loss() -> None:
    ran = benchmarks("ranker", "--quick", "--json")
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(ran.stdout)
    assert facts["trees"]["ours"]["apart"] < 1e-6
    assert all(milliseconds > 0 for milliseconds in facts["scoring"].values())
    for kept in facts["pruning"].values():
        assert kept["200"] > 0.98 * kept["all"]


@pytest.mark.long
def test_a_short_run_of_the_benchmark_of_short_histories_gives_the_chosen_method_beside_the_best() -> None:
    ran = benchmarks("short", "--quick", "--json")
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)
    assert {row["placement"] for row in rows} == {"for_you", "discover", "buy_again"}
    assert all(0 < row["ratio"] <= 1 for row in rows)


@pytest.mark.long
def test_a_short_run_of_the_alerts_benchmark_gives_cost_and_statements() -> None:
    ran = benchmarks("alerts", "--quick", "--json")
    assert ran.returncode == 0, ran.stderr
    sides = json.loads(ran.stdout)["sides"]
    assert sides["SELECT 1"]["statements"] == sides["ml.freshness"]["statements"] == 1
    assert 5 < sides["evaluation, all fresh"]["statements"] < 30
    assert all(side["ms"] > 0 for side in sides.values())


@pytest.mark.long
def test_a_short_run_of_the_reading_benchmark_gives_every_side_of_every_kind() -> None:
    ran = benchmarks("read", "--rows", "20000", "--days", "5", "--rounds", "1", "--json")
    assert ran.returncode == 0, ran.stderr
    kinds = json.loads(ran.stdout)["kinds"]
    assert kinds.keys() == {"csv", "parquet", "postgres"}
    for each in kinds.values():
        sides, ratios = each["sides"], each["ratios"]
        assert sides.keys() == {"load", "days", "one"}
        for what in ("seconds", "cpu"):
            assert ratios["days"][what] == pytest.approx(sides["load"][what] / sides["days"][what])
        assert all(side["mb"] > 50 for side in sides.values())


@pytest.mark.long
def test_a_short_run_of_the_micro_batch_benchmark_gives_its_stages_beside_a_whole_day() -> None:
    ran = benchmarks("since-last", "--customers", "400", "--changed", "4", "40", "--json")
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(ran.stdout)
    assert [batch["customers"] for batch in facts["batches"]] == [4, 40]
    for batch in facts["batches"]:
        assert {"reading what is newer", "preparing scores", "ranking", "showing the lists"} <= batch["stages"].keys()
        assert batch["of_the_whole_day"] == pytest.approx(batch["seconds"] / facts["whole_day_seconds"])


def test_more_customers_than_there_are_cannot_have_bought_something() -> None:
    ran = benchmarks("since-last", "--customers", "10", "--changed", "11")
    assert ran.returncode == 2
    assert "--changed names 11 customers, more than the 10 of --customers" in ran.stderr


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_floor_of_loading_gives_the_same_files(kind: str, tmp_path: Path) -> None:
    write_history(tmp_path, 2_000, 4, kind, "")
    scratch = {side: tmp_path / side for side in ("load", "days")}
    for side, folder in scratch.items():
        folder.mkdir()
        SIDES[side](kind, tmp_path, folder, "")()
    lake = scratch["load"] / "lake"
    for number in range(4):
        day = FIRST_DAY + timedelta(days=number)
        events, refused = (pl.read_parquet(scratch["days"] / f"{day}{of}.parquet") for of in ("", ".refused"))
        assert events.select(EVENT_COLUMNS).equals(pl.read_parquet(lake / "transactions" / f"{day}.parquet"))
        theirs = pl.read_parquet(lake / "quarantined_transactions" / f"{day}.parquet")
        assert refused.select("reason", "customer_id", "item_id", "occurred_at").equals(
            theirs.select("reason", "customer_id", "item_id", "occurred_at")
        )
        assert set(refused.columns) == set(theirs.columns)


def test_without_a_name_the_benchmarks_are_listed() -> None:
    ran = benchmarks()
    assert ran.returncode == 0
    assert "scoring  Exact top-K scoring beside its floor" in ran.stdout


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    ran = benchmarks("shoring")
    assert ran.returncode == 1
    assert "there is no benchmark shoring" in ran.stderr
    assert "scoring" in ran.stdout


def test_sides_take_turns_after_one_run_that_does_not_count() -> None:
    turns: list[str] = []
    seconds = interleaved({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, 2)
    assert turns == ["a", "b"] * 3
    assert {name: len(each) for name, each in seconds.items()} == {"a": 2, "b": 2}


def test_ratios_are_those_of_the_least_seconds_and_the_median_of_the_turns() -> None:
    assert ratios([4.0, 3.0, 9.0], [2.0, 1.0, 3.0]) == (3.0, 3.0)
    assert ratios([4.0, 5.0, 9.0], [2.0, 1.0, 3.0]) == (4.0, 3.0)


def test_the_floor_of_dense_scoring_multiplies_everything() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.standard_normal((300, 8), dtype=np.float32), rng.standard_normal((1_300, 8), dtype=np.float32)
    product = BlockedProduct(users, items)
    product()
    assert sum(block.shape[1] for block in product.blocks[product.shape[1]]) == len(items)


def test_what_is_compared_gives_the_same_lists() -> None:
    pytest.importorskip("implicit")
    from benchmarks.scoring_implicit import SparseLists, dense_lists

    rng = np.random.default_rng(0)
    histories, similar, eligible = random_rows(rng, 50, 400, 10), random_rows(rng, 400, 400, 30), available(rng, 400)
    ours = top_items(histories, similar, K, eligible=eligible, excluded=histories)
    np.testing.assert_array_equal(SparseLists(similar, eligible)(histories, K)[0], ours.items)
    users, items = rng.standard_normal((50, 8), dtype=np.float32), rng.standard_normal((400, 8), dtype=np.float32)
    dense = top_factors(users, items, K, eligible=eligible, excluded=histories)
    np.testing.assert_array_equal(dense_lists(users, items, K, eligible, histories), dense.items)
