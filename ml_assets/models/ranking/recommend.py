"""The recommendations of a day: the lists of every placement for every customer with purchases.

Ranking all blocks of customers in this process belongs here; what a block takes is in `prepared.py`. Placements may be
served by different models, because each has a champion of its own; those of one model share its candidates.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.prepared import Prepared, Recommended
from ml_assets.progress import Report, Stage, part_of, silent
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import RecommenderSettings


def recommend(
    models: Mapping[str, RecommenderModel],
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    as_of: date,
    settings: RecommenderSettings,
    customers: Sequence[int] | Sequence[str] | pl.Series | None = None,
    past: bool = False,
    exploration: ExplorationSettings | None = None,
    report: Report = silent,
) -> Recommended:
    """The lists of each placement by its model.

    `interactions` are as of `as_of`; later rows are ignored. `customers` limits the rows to those ids; ids without
    purchases have no row, because what they get is the popular items. Lists hold `settings.stored` items, or all
    there are: `for_you` every item that may be recommended (less what the customer bought, where the model says that
    purchases do not recur), `discover` those the customer has not bought, `buy_again`
    those the customer has. Scores fall along a list and compare items of one list only. `past` judges a day of the
    past, see `Snapshot`. With `exploration` items drawn by chance are among those shown, and `propensities` tell how
    likely each was; they are empty for lists that do not explore.
    """
    report(Stage("putting histories together", 0.0))
    day = Prepared.of(
        models,
        interactions,
        items,
        as_of=as_of,
        settings=settings,
        customers=customers,
        past=past,
        exploration=exploration,
    )
    return day.recommended(_ranked_here(day, report))


def _ranked_here(day: Prepared, report: Report) -> Iterator[tuple[str, pl.DataFrame]]:
    """The frames of all placements, model after model and block after block."""
    models = len(day.by_model())
    rankings = day.rankings()
    for number in range(models):
        inside = part_of(report, number / models, (number + 1) / models)
        inside(Stage("preparing scores", 0.0))
        ranking = next(rankings)
        for first, last in day.blocks():
            text = f"ranking for customers {first + 1:,} to {last:,} of {day.customers.size:,}"
            inside(Stage(text, first / day.customers.size))
            yield from ranking.rank(first, last)
