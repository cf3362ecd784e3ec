"""Plots and tables as Dagster metadata.

Drawing is in `ml_assets.plots.models`; only the conversion to metadata belongs here.
"""

import base64
from collections.abc import Sequence

import dagster as dg
import polars as pl

from ml_assets.models.selection.decisions import PlacementDecision
from ml_assets.models.selection.study import Study

FIGURES = (
    "ndcg",
    "ndcg_low",
    "ndcg_high",
    "recall",
    "hit_rate",
    "coverage",
    "items_shown",
    "novelty",
    "popularity_share",
    "repeat_share",
    "new_item_share",
    "customers",
)


def backtest_metadata(study: Study) -> dict[str, dg.MetadataValue]:
    """What the data can carry, and every method over all windows as a plot and a table."""
    from ml_assets.plots.models import backtest_png  # noqa: PLC0415 Matplotlib imports slowly, and few runs draw

    said = {"what_the_data_carries": dg.MetadataValue.md("\n".join(f"- {saying}" for saying in study.sayings))}
    summary = study.summary()
    if summary.is_empty():
        return dict(said)
    shown = summary.select("placement", "horizon", "method", "role", *FIGURES)
    return {
        "methods_plot": image(backtest_png(summary), "NDCG@10 of every method"),
        **said,
        "methods": _table(shown),
        "windows": dg.MetadataValue.text(", ".join(str(day) for day in study.plan.cutoffs) if study.plan else "none"),
    }


def decision_metadata(decisions: Sequence[PlacementDecision]) -> dict[str, dg.MetadataValue]:
    """Which challengers were promoted, and why each method was chosen."""
    rows = [
        {
            "placement": one.placement,
            "method": one.method,
            "promoted": one.promoted,
            "decision": one.reason,
            "choice": one.choice,
        }
        for one in decisions
    ]
    return {"decisions": _table(pl.DataFrame(rows))}


def segment_metadata(segments: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """The segments as a table and their profile as a plot."""
    from ml_assets.plots.models import segment_profile_png  # noqa: PLC0415 as above

    figures = segments.drop("segment_key", "description")
    return {"profile": image(segment_profile_png(segments), "Segment profile"), "segments": _table(figures)}


def _table(frame: pl.DataFrame) -> dg.MetadataValue:
    rounded = frame.with_columns(pl.col(pl.Float64, pl.Float32).round(4))
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rounded.iter_rows(named=True)])


def image(png: bytes, title: str) -> dg.MetadataValue:
    """A picture that Dagster shows in place."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")
