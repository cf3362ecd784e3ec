"""The yardstick beside every evaluation: the popular items of the days before the cut-off."""

import numpy as np
import polars as pl

from ml_assets.models.recommenders.candidates import popular_first
from ml_assets.models.recommenders.popularity import Popularity
from ml_assets.models.recommenders.products import Lists, fill_up
from ml_assets.models.recommenders.purchases import Purchases, encode
from ml_assets.models.recommenders.sparse import Bools, Csr


def popular_lists(purchases: Purchases, eligible: Bools, customers: pl.Series, days: int, k: int) -> pl.DataFrame:
    """customer_id, item_id, placement, rank: the popular list of each customer, for `discover` without what they
    bought. Customers may be unknown."""
    wanted = customers.unique().sort()
    scores = Popularity(days).scores(purchases)
    popular = popular_first(scores, eligible)
    bought = purchases.bought()
    own = bought.where(bought.data > 0)
    frames = []
    for placement, excluded in (("for_you", None), ("discover", _rows(own, encode(wanted, purchases.customers)))):
        lists = Lists.empty(len(wanted), k)
        fill_up(
            lists,
            popular[np.newaxis],
            scores[popular][np.newaxis],
            tier=0,
            columns=eligible.size,
            excluded=excluded,
        )
        row, place = np.nonzero(lists.items >= 0)
        frames.append(
            pl.DataFrame(
                {
                    "customer_id": wanted.gather(row),
                    "item_id": purchases.items.gather(lists.items[row, place]),
                    "placement": pl.repeat(placement, row.size, dtype=pl.String, eager=True),
                    "rank": pl.Series(place + 1, dtype=pl.Int64),
                }
            )
        )
    return pl.concat(frames)


def _rows(matrix: Csr, rows: pl.Series) -> Csr:
    """The rows with these numbers, empty ones for -1."""
    codes = rows.to_numpy()
    lengths = np.where(codes >= 0, np.diff(matrix.indptr)[codes], 0)
    starts = np.where(codes >= 0, matrix.indptr[codes], 0)
    indptr = np.append(0, np.cumsum(lengths, dtype=np.int64))
    places = np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])
    return Csr.of(indptr, matrix.indices[places], matrix.data[places], matrix.columns)
