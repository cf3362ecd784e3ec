"""Frames between assets: an IO manager over the Parquet lake.

Unlike Dagster's UPathIOManager it stores several partitions of one run (an output that is a dict from day to frame)
and renames whole files into place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import dagster as dg
import polars as pl

from ml_assets.dagster.failures import final_failures
from ml_assets.features.as_known import Filter
from ml_assets.lake import Lake, PackedFrame

# What cannot be made again from the lake.
RAW = ("transactions", "quarantined_transactions")
Frame = pl.DataFrame | pl.LazyFrame
Arrival = Callable[[str, date], None]


def everybody() -> AbstractContextManager[Filter]:
    """The filter where nobody can have been erased."""
    return nullcontext(lambda frame: frame)


class Frames(Mapping[date, pl.DataFrame | PackedFrame]):
    """Frames by day, each made when it is asked for: all of them need not fit into memory."""

    def __init__(self, days: Iterable[date], frame_of: Callable[[date], pl.DataFrame | PackedFrame]) -> None:
        self._days = list(days)
        self._frame_of = frame_of

    def __getitem__(self, day: date) -> pl.DataFrame | PackedFrame:
        return self._frame_of(day)

    def __iter__(self) -> Iterator[date]:
        return iter(self._days)

    def __len__(self) -> int:
        return len(self._days)


class LakeIOManager(dg.IOManager):
    """Stores DataFrames, loads LazyFrames.

    `on_arrival` hears of the newest stored day that has rows. Derived assets keep `keep_days` days before the day
    that is written, raw ones all. Customers are written through the filter of a block of `without_erased`: what a step
    has read may be older than the erasure of a person.
    """

    def __init__(
        self,
        lake: Lake,
        on_arrival: Arrival,
        descriptions: Mapping[str, str],
        keep_days: int | None,
        *,
        without_erased: Callable[[], AbstractContextManager[Filter]],
    ) -> None:
        self._lake = lake
        self._without_erased = without_erased
        self._keep_days = keep_days
        self._on_arrival = on_arrival
        self._descriptions = descriptions

    @final_failures
    def handle_output(self, context: dg.OutputContext, obj: Frame | Mapping[date, pl.DataFrame | PackedFrame]) -> None:
        """Write one frame, or one per partition."""
        asset = context.asset_key.path[-1]
        frames: Iterable[tuple[str, pl.DataFrame | PackedFrame]]
        if isinstance(obj, Mapping):
            frames = ((day.isoformat(), frame) for day, frame in obj.items())
        else:
            frame = obj.collect(engine="streaming") if isinstance(obj, pl.LazyFrame) else obj
            frames = [(context.partition_key if context.has_asset_partitions else "", frame)]
        self._lake.remove_abandoned(asset)
        written, sample = self._write(asset, frames)
        self._describe(context, written, sample)
        arrived = [partition for partition, rows in written.items() if partition and rows]
        if arrived:
            newest = date.fromisoformat(max(arrived))
            self._on_arrival(asset, newest)
            if self._keep_days is not None and asset not in RAW:
                self._lake.prune(asset, newest - timedelta(days=self._keep_days), now=datetime.now(UTC))

    def _write(
        self, asset: str, frames: Iterable[tuple[str, pl.DataFrame | PackedFrame]]
    ) -> tuple[dict[str, int], pl.DataFrame]:
        """Write frames by partition, at least one; returns the rows that each has, and one without any."""
        rest = iter(frames)
        first = next(rest)
        sample = (first[1].read() if isinstance(first[1], PackedFrame) else first[1]).clear()
        written = {}
        with self._without_erased() if "customer_id" in sample.columns else everybody() as without:
            for partition, frame in chain([first], rest):
                kept, written[partition] = _kept(frame, without)
                self._lake.write(asset, kept, partition or None)
        return written, sample

    @final_failures
    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan the partitions that the mapping asks for; of several, those that exist."""
        asset = context.asset_key.path[-1]
        if not context.has_asset_partitions:
            return self._lake.scan(asset)
        wanted = list(context.asset_partition_keys)
        if len(wanted) == 1:
            return self._lake.scan(asset, wanted)
        return self._lake.scan(asset, sorted(set(wanted) & set(self._lake.partitions(asset))))

    def _describe(self, context: dg.OutputContext, written: Mapping[str, int], sample: pl.DataFrame) -> None:
        columns = [
            dg.TableColumn(name, _words(kind), description=self._descriptions.get(name))
            for name, kind in sample.schema.items()
        ]
        metadata: dict[str, dg.MetadataValue] = {
            "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        }
        if len(written) == 1:
            ((partition, rows),) = written.items()
            metadata["dagster/partition_row_count" if partition else "dagster/row_count"] = dg.MetadataValue.int(rows)
            path = self._lake.path(context.asset_key.path[-1], partition or None)
            metadata["path"] = dg.MetadataValue.path(str(path))
        context.add_output_metadata(metadata)


def _kept(frame: pl.DataFrame | PackedFrame, without: Filter) -> tuple[pl.DataFrame | PackedFrame, int]:
    """What may be written of a frame, and its rows; one that is packed is unpacked only where rows are to go."""
    if isinstance(frame, PackedFrame):
        customers = frame.read(["customer_id"])
        if without(customers).height == customers.height:
            return frame, customers.height
        frame = frame.read()
    kept = without(frame)
    return kept, kept.height


def _words(kind: pl.DataType) -> str:
    """A type as people write it: the values of an Enum are in the description of its column, if anywhere."""
    return re.sub(r"\(categories=\[[^]]*\]\)", "", str(kind))
