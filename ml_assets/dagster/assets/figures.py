"""Plots and tables as Dagster metadata.

Drawing is in `ml_assets.plots.models`; only the conversion to metadata belongs here.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl
from pydantic import JsonValue

from ml_assets.models.cards import ModelCard
from ml_assets.models.selection.decisions import PlacementDecision
from ml_assets.models.selection.study import Study

# A cell of Dagster's page has room for some sixty characters; a wider table is cut off, a longer text breaks.
COMPACT = ("list", "method", "role", "ndcg")
FIGURES = (
    "placement",
    "horizon",
    "method",
    "role",
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
    "near_duplicate_share",
    "customers",
)
MOST_FLOWS = 12
PROFILE = {
    "segment": "segment_name",
    "customers": "customers",
    "share": "share",
    "orders_90d": "median_orders_90d",
    "spend_90d": "median_spend_90d",
}


def backtest_metadata(study: Study) -> dict[str, dg.MetadataValue]:
    """What the data can carry, and every method over all windows as a plot, a table, and with all figures."""
    from ml_assets.plots.models import backtest_png  # noqa: PLC0415 Matplotlib imports slowly, and few runs draw

    said = {"what_the_data_carries": dg.MetadataValue.text(" ".join(study.notes))}
    summary = study.summary()
    if summary.is_empty():
        return dict(said)
    compact = summary.with_columns(list=pl.format("{} {}d", "placement", "horizon")).select(COMPACT)
    return {
        "methods_plot": image(backtest_png(summary), "NDCG@10 of every method"),
        **said,
        "methods": _table(compact),
        "all_figures": _wide_table(summary.select(FIGURES)),
        "windows": dg.MetadataValue.text(", ".join(str(day) for day in study.plan.cutoffs) if study.plan else "none"),
    }


def decision_metadata(
    decisions: Sequence[PlacementDecision], tried: Mapping[str, PlacementDecision]
) -> dict[str, dg.MetadataValue]:
    """Which challengers were promoted or are on trial, and why each method was chosen: a text for each placement."""
    said: dict[str, tuple[str, ...]] = {one.placement: (f"{one.method}.", one.choice, one.reason) for one in decisions}
    said |= {f"{name}_on_trial": (f"{one.method}.", one.reason) for name, one in tried.items()}
    return {name: dg.MetadataValue.text(" ".join(part for part in parts if part)) for name, parts in said.items()}


def segment_metadata(segments: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """The segments as a table and their profile as a plot."""
    from ml_assets.plots.segments import segment_profile_png  # noqa: PLC0415 as above

    known = {short: name for short, name in PROFILE.items() if segments[name].count()}
    figures = segments.select(**{short: pl.col(name) for short, name in known.items()})
    return {"profile": image(segment_profile_png(segments), "Segment profile"), "segments": _table(figures)}


def move_metadata(assignments: pl.DataFrame, moved: float | None) -> dict[str, dg.MetadataValue]:
    """Which way customers moved since the day before, the largest flows first; `moved` is their share."""
    if moved is None:
        return {}
    ways = assignments.filter(pl.col("moved_from").is_not_null()).group_by("moved_from", "segment_key")
    flows = ways.len("customers").rename({"moved_from": "from", "segment_key": "to"})
    table = _table(flows.sort("customers", "from", "to", descending=[True, False, False]).head(MOST_FLOWS))
    return {"moved": dg.MetadataValue.float(moved), "moves": table}


def flow_metadata(
    assignments: pl.DataFrame, earlier: pl.DataFrame, segments: pl.DataFrame, *, since: date, day: date
) -> dict[str, dg.MetadataValue]:
    """Where the customers of a day were on an earlier one, as a plot; both frames have customer_id, segment_key."""
    from ml_assets.plots.segments import flows_png  # noqa: PLC0415 as above

    now = assignments.select("customer_id", pl.col("segment_key").alias("to"))
    then = earlier.select("customer_id", pl.col("segment_key").alias("from"))
    flows = then.join(now, on="customer_id", how="full", coalesce=True).group_by("from", "to").len("customers")
    names = dict(segments.select("segment_key", "segment_name").iter_rows())
    return {"flows": image(flows_png(flows, names, since=since, day=day), f"Flows since {since}")}


def soundness_metadata(card: ModelCard) -> dict[str, dg.MetadataValue]:
    """Which numbers of segments were tried as a plot, and what became of the segments before."""
    from ml_assets.plots.segments import soundness_png  # noqa: PLC0415 as above

    tried = sorted({int(found[1]) for name in card.metrics if (found := re.match(r"k(\d+)_", name))})
    lineage = card.parameters.get("segments")
    said: dict[str, dg.MetadataValue] = {}
    if isinstance(lineage, dict):
        rows = [{"segment": key, **_change(one)} for key, one in lineage.items()]
        said["lineage"] = _table(
            pl.DataFrame(rows, schema={"segment": pl.String, "change": pl.String, "of": pl.String})
        )
    if tried:
        plot = soundness_png(card.metrics, tried, int(card.metrics["segments"]))
        said = {"soundness": image(plot, "Soundness of numbers of segments"), **said}
    return said


def value_metadata(card: ModelCard) -> dict[str, dg.MetadataValue]:
    """How right every method was on the held-out days: a table, and expected against actual spend as a plot.

    Of pieces instead of spend where the shop has no amounts.
    """
    from ml_assets.plots.value import deciles_png  # noqa: PLC0415 as above

    methods = [name.removesuffix("_mae") for name in card.metrics if name.endswith("_mae")]
    if not methods:
        return {"methods": dg.MetadataValue.text(str(card.parameters["why_no_contest"]))}
    figures = ("mae", "spearman", "brier", "total")
    rows = [{"method": one} | {name: card.metrics[f"{one}_{name}"] for name in figures} for one in methods]
    chosen = str(card.parameters["spend_method"])
    what = str(card.parameters.get("spend_counts", "spend"))
    return {
        "calibration": image(deciles_png(card.metrics, methods, chosen, what), f"Expected and actual {what}"),
        "methods": _table(pl.DataFrame(rows)),
        "deciles": _wide_table(_deciles(card.metrics, methods)),
        **{name: dg.MetadataValue.float(card.metrics[name]) for name in figures},
    }


def _deciles(metrics: Mapping[str, float], methods: Sequence[str]) -> pl.DataFrame:
    """Expected spend, actual spend and their ratio by method and tenth of the customers."""
    rows = []
    for method in methods:
        for number in range(1, 11):
            if (expected := metrics.get(f"{method}_decile{number}_expected")) is not None:
                actual = metrics[f"{method}_decile{number}_actual"]
                ratio = expected / actual if actual else None
                rows.append(
                    {"method": method, "decile": number, "expected": expected, "actual": actual, "ratio": ratio}
                )
    return pl.DataFrame(rows)


def _change(origin: JsonValue) -> dict[str, str]:
    facts = origin if isinstance(origin, dict) else {}
    parents = facts.get("parents")
    return {
        "change": str(facts.get("change", "")),
        "of": ", ".join(map(str, parents)) if isinstance(parents, list) else "",
    }


def _table(frame: pl.DataFrame) -> dg.MetadataValue:
    """A table that Dagster shows in place. Its schema is told, as Dagster finds none in a table without rows."""
    schema = dg.TableSchema([dg.TableColumn(name, _kind(kind)) for name, kind in frame.schema.items()])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in _rounded(frame).iter_rows(named=True)], schema)


def _kind(kind: pl.DataType) -> str:
    return "int" if kind.is_integer() else "float" if kind.is_float() else "string"


def _wide_table(frame: pl.DataFrame) -> dg.MetadataValue:
    """A table that Dagster opens in a window of its own."""
    rows = [frame.columns, ["---"] * frame.width, *_rounded(frame).iter_rows()]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(map(str, row))} |" for row in rows))


def _rounded(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Float64, pl.Float32).round(4))


def image(png: bytes, title: str) -> dg.MetadataValue:
    """A picture that Dagster shows in place."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")
