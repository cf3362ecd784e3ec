"""Plots and tables as Dagster metadata.

Drawing is in `ml_assets.models.plots`; only the conversion to metadata belongs here.
"""

import base64

import dagster as dg
import polars as pl

from ml_assets.models.plots import metric_comparison_png, segment_profile_png


def evaluation_metadata(table: pl.DataFrame | None) -> dict[str, dg.MetadataValue]:
    """The evaluation as a table and a plot; nothing where there was none."""
    if table is None:
        return {}
    return {"evaluation_plot": _image(metric_comparison_png(table), "NDCG@10 by task"), "evaluation": _table(table)}


def segment_metadata(segments: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """The segments as a table and their profile as a plot."""
    figures = segments.drop("segment_key", "description")
    return {"profile": _image(segment_profile_png(segments), "Segment profile"), "segments": _table(figures)}


def _table(frame: pl.DataFrame) -> dg.MetadataValue:
    rounded = frame.with_columns(pl.col(pl.Float64, pl.Float32).round(4))
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rounded.iter_rows(named=True)])


def _image(png: bytes, title: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")
