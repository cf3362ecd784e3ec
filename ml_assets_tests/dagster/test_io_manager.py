"""Frames between assets: one or many partitions a run, arrivals, and what is kept."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ml_assets.dagster.io_manager import Frames, LakeIOManager, everybody
from ml_assets.features.as_known import Filter
from ml_assets.lake import Lake, PackedFrame

FRAME = pl.DataFrame({"customer_id": [1, 2]})
DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-06-01")


def materialize(
    lake: Lake,
    name: str,
    days: list[str],
    frame: pl.DataFrame | PackedFrame = FRAME,
    keep_days: int | None = None,
    *,
    without_erased: Callable[[], AbstractContextManager[Filter]] = everybody,
) -> tuple[dg.ExecuteInProcessResult, list[tuple[str, date]]]:
    """Store a daily asset for the first to the last of some days, in one run."""
    arrivals: list[tuple[str, date]] = []

    @dg.asset(name=name, partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
    def stored(context: dg.AssetExecutionContext) -> Frames:
        return Frames(map(date.fromisoformat, context.partition_keys), lambda _: frame)

    manager = LakeIOManager(
        lake,
        lambda *arrival: arrivals.append(arrival),
        {"customer_id": "Who."},
        keep_days,
        without_erased=without_erased,
    )
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    return dg.materialize([stored], tags=tags, resources={"io_manager": manager}), arrivals


def test_a_range_of_days_is_stored_as_a_file_a_day_and_its_newest_day_is_reported(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    result, arrivals = materialize(lake, "transactions", ["2024-05-01", "2024-05-03"])
    assert result.success
    assert lake.partitions("transactions") == ["2024-05-01", "2024-05-02", "2024-05-03"]
    assert arrivals == [("transactions", date(2024, 5, 3))]


def test_an_empty_day_has_not_arrived(tmp_path: Path) -> None:
    _, arrivals = materialize(Lake(tmp_path), "transactions", ["2024-05-01"], FRAME.clear())
    assert arrivals == []


@pytest.mark.parametrize(("erased", "left"), [(None, [1, 2]), (2, [1])])
def test_a_day_that_is_packed_is_written_without_whoever_was_erased_meanwhile(
    tmp_path: Path, erased: int | None, left: list[int]
) -> None:
    lake, packed = Lake(tmp_path), PackedFrame.of(FRAME)

    def without(frame: pl.DataFrame) -> pl.DataFrame:
        return frame if erased is None else frame.filter(pl.col("customer_id") != erased)

    day = "2024-05-01"
    result, arrivals = materialize(lake, "transactions", [day], packed, without_erased=lambda: nullcontext(without))
    assert lake.read("transactions", day)["customer_id"].to_list() == left
    assert (lake.path("transactions", day).read_bytes() == packed.content) == (left == [1, 2])
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["dagster/partition_row_count"].value == len(left)
    assert arrivals == [("transactions", date(2024, 5, 1))]


def test_columns_and_rows_are_described_in_the_catalog(tmp_path: Path) -> None:
    result, _ = materialize(Lake(tmp_path), "transactions", ["2024-05-01"])
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 2
    schema = metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    (column,) = schema.columns
    assert (column.name, column.type, column.description) == ("customer_id", "Int64", "Who.")


@pytest.mark.parametrize(("name", "left"), [("interactions", 11), ("transactions", 31)])
def test_derived_days_are_pruned_and_raw_days_never(tmp_path: Path, name: str, left: int) -> None:
    lake = Lake(tmp_path)
    for number in range(30):
        lake.write(name, FRAME, date(2024, 5, 1) + timedelta(days=number))
    for path in tmp_path.rglob("*.parquet"):
        os.utime(path, (0, 0))
    materialize(lake, name, ["2024-05-31"], keep_days=10)
    assert len(lake.partitions(name)) == left


def test_rebuilding_an_old_day_deletes_nothing_newer(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("interactions", FRAME, "2024-05-31")
    materialize(lake, "interactions", ["2024-01-02"], keep_days=10)
    assert lake.partitions("interactions") == ["2024-01-02", "2024-05-31"]


def test_of_a_look_back_the_days_that_exist_are_loaded(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for day in ("2024-05-01", "2024-05-03"):
        lake.write("transactions", FRAME, day)
    rows: list[int] = []
    raw = dg.AssetSpec("transactions", partitions_def=DAILY)
    window = dg.TimeWindowPartitionMapping(start_offset=-2)

    @dg.asset(ins={"transactions": dg.AssetIn(partition_mapping=window)}, partitions_def=DAILY)
    def features(transactions: pl.LazyFrame) -> pl.DataFrame:
        rows.append(transactions.collect().height)
        return FRAME

    manager = LakeIOManager(lake, lambda *_: None, {}, None, without_erased=everybody)
    dg.materialize([raw, features], partition_key="2024-05-03", resources={"io_manager": manager})
    assert rows == [4]
