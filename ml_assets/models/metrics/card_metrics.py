"""The figures of a model card: flat names for the registry, and the table they came from."""

import re
from collections.abc import Mapping

import polars as pl

from ml_assets.models.placements import PLACEMENTS

METRICS = ("recall", "ndcg", "hit_rate", "coverage", "near_duplicate_share")
PROMISED = ("hit_rate_low", "hit_rate_high")
"""The 95 % interval of what the chosen method is held to while its lists are live."""
METRIC_NAME = re.compile(rf"(\w+?)_(\d+)d_(\w+?)_({'|'.join(METRICS)})")


def card_metrics(summary: pl.DataFrame) -> dict[str, float]:
    """The chosen method, the champion and the yardsticks as `<placement>_<horizon>d_<method>_<metric>`.

    The chosen method goes by `recommender`, so that figures of different weeks are comparable by name.
    """
    metrics = {}
    for row in summary.filter(pl.col("role") != "").iter_rows(named=True):
        is_chosen = row["role"] == "chosen"
        method = "recommender" if is_chosen else row["method"]
        for metric in (*METRICS, *(PROMISED if is_chosen else ())):
            metrics[f"{row['placement']}_{row['horizon']}d_{method}_{metric}"] = round(float(row[metric]), 6)
    return metrics


def metrics_table(metrics: Mapping[str, float]) -> pl.DataFrame:
    """The metrics of a card as a table again: placement, horizon, method, and METRICS."""
    rows: dict[tuple[str, int, str], dict[str, float]] = {}
    for name, value in metrics.items():
        if found := METRIC_NAME.fullmatch(name):
            placement, horizon, method, metric = found.groups()
            rows.setdefault((placement, int(horizon), method), {})[metric] = value
    facts = [
        {"placement": placement, "horizon": horizon, "method": method, **row}
        for (placement, horizon, method), row in rows.items()
    ]
    order = pl.col("placement").cast(pl.Enum(PLACEMENTS))
    return pl.DataFrame(facts).sort(order, "horizon", "ndcg", descending=[False, False, True])
