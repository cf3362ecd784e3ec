"""Segments made elsewhere.

Reading and judging files belongs here; publishing what they hold is done by `releases/publish.py`, through the same
gates as segments of our own.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.exchange.imported import digest, single_day
from ml_assets.exchange.table_file import Column, read_table, refuse
from ml_assets.exchange.vocabulary import Vocabulary
from ml_assets.segments import MEDIANS, usual_name

KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
NO_VALUE = ("nan", "null", "none", "na", "n_a", "nil", "undefined")
"""What other programs write where there is no value; no segment is called so."""
MOST_SEGMENTS = 200
"""More different keys than this are a column of something else."""


@dataclass(frozen=True)
class ImportedSegments:
    """A file of segments, ready to publish."""

    assignments: pl.DataFrame
    """customer_id, segment_key."""
    segments: pl.DataFrame
    """One row per segment: key, name, description, customers, share; medians are null, nobody told them."""
    day: date | None
    """The data_as_of that the file names, if it names one."""
    version: str
    """Names the file by its contents."""


def read_segments(path: Path, words: Vocabulary) -> ImportedSegments:
    """Segments from CSV or Parquet: one row per customer.

    Columns: customer_id, segment_key (lower-case letters, digits and _), optionally segment_name, description and
    data_as_of. Further columns of an export are ignored. Raises `UserError` that names file, row and column of what
    cannot be taken.
    """
    columns = {
        "customer_id": words.column("customer_id", required=True),
        "segment_key": Column(required=True, filled=True),
        "segment_name": Column(),
        "description": Column(),
        "data_as_of": Column(pl.Date(), filled=True),
    }
    frame = read_table(path, columns, others_allowed=True)
    bad = [row for row, key in enumerate(frame["segment_key"]) if not KEY.fullmatch(key) or key in NO_VALUE]
    if bad:
        advice = "lower-case letters, digits and _ only, a letter first; and no word for a missing value"
        refuse(path, [(row, f"column segment_key: {frame['segment_key'][row]!r} ({advice})") for row in bad])
    doubled = frame.select("customer_id").is_duplicated().arg_true()
    if len(doubled):
        again = int(doubled[1])
        refuse(path, [(again, f"customer {frame['customer_id'][again]} is there twice ({len(doubled):,} such rows)")])
    if (found := frame["segment_key"].n_unique()) > MOST_SEGMENTS:
        raise UserError(
            f"{path} has {found:,} different values in segment_key; a shop has at most {MOST_SEGMENTS} segments.",
            "Check that the column holds segments, not customers.",
            code="file.refused",
        )
    return ImportedSegments(
        frame.select("customer_id", "segment_key"),
        _profiles(path, frame),
        single_day(path, frame),
        f"import-{digest(path)}",
    )


def _profiles(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """What the file says of its segments; a name or description must be the same in all rows of a segment."""
    told = []
    for name in ("segment_name", "description"):
        if name not in frame.columns:
            told.append(pl.lit(None, dtype=pl.String).alias(name))
            continue
        mixed = frame.group_by("segment_key").agg(pl.col(name).drop_nulls().n_unique()).filter(pl.col(name) > 1)
        if mixed.height:
            key, values = mixed.sort("segment_key").row(0)
            raise UserError(
                f"{path}: segment {key} has {values} different values of {name}.",
                "Give every row of a segment the same one.",
                code="file.refused",
            )
        told.append(pl.col(name).drop_nulls().first())
    called = pl.col("segment_key").map_elements(usual_name, return_dtype=pl.String)
    profiles = (
        frame.group_by("segment_key")
        .agg(*told, pl.len().cast(pl.Int64).alias("customers"))
        .sort("segment_key")
        .select(
            "segment_key",
            pl.col("segment_name").fill_null(called),
            pl.col("description").fill_null(pl.lit("Made elsewhere.")),
            "customers",
            (pl.col("customers") / max(frame.height, 1)).alias("share"),
            *(pl.lit(None, dtype=pl.Float64).alias(f"median_{name}") for name in MEDIANS),
        )
    )
    alike = (
        profiles.group_by("segment_name").agg(pl.col("segment_key").sort()).filter(pl.col("segment_key").list.len() > 1)
    )
    for name, keys in alike.sort("segment_name").iter_rows():
        raise UserError(
            f"{path}: segments {' and '.join(keys)} are both called {name}.",
            "Give each a name of its own, or none: then it is called by its key.",
            code="file.refused",
        )
    return profiles
