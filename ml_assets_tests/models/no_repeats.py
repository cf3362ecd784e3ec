"""A made-up shop in which nobody takes the same thing twice, with the habits of film lovers as MovieLens shows them.

Few films are seen by very many, each person likes two genres and series within them, sessions are some films long, new
films come out and fade. Nothing is copied from any real data.
"""

from datetime import timedelta

import numpy as np
import polars as pl

from ml_assets_tests.models.purchase_frames import END

FILMS, GENRES, DAYS = 500, 10, 240


def film_lovers(customers: int = 400, *, seed: int = 5, again: float = 0.0) -> pl.DataFrame:
    """Transactions up to `END`; `again` is the chance that a film is one seen before."""
    rng = np.random.default_rng(seed)
    genre = rng.integers(0, GENRES, FILMS)
    fame = 1 / (1 + rng.permutation(FILMS)) ** 0.7
    released = np.where(rng.random(FILMS) < 0.6, -rng.integers(0, 2000, FILMS), rng.integers(0, DAYS, FILMS))
    taste = rng.dirichlet(np.full(GENRES, 0.15), customers)
    rows = []
    for customer in range(customers):
        seen: list[int] = []
        for day in np.sort(rng.choice(DAYS, 3 + customer % 12, replace=False)):
            age = day - released
            wanted = fame * (0.02 + taste[customer, genre]) * np.where(age >= 0, 0.4 + 2.0 ** (-age / 40), 0.0)
            # After a film people look for its neighbours: parts of a series have neighbouring numbers.
            for film in seen[-5:]:
                wanted[max(film - 2, 0) : film + 3] *= 6
            wanted[seen] = 0.0
            count = int(rng.integers(2, 8))
            chosen = rng.choice(FILMS, count, replace=False, p=wanted / wanted.sum()).tolist()
            if seen and rng.random() < again:
                chosen[0] = seen[int(rng.integers(len(seen)))]
            rows += [
                (customer, film, END - timedelta(days=int(DAYS - 1 - day)), f"{customer}-{day}") for film in chosen
            ]
            seen += [film for film in chosen if film not in seen]
    moment = pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.DataFrame(rows, schema=["customer_id", "item_id", "day", "order_id"], orient="row").with_columns(
        occurred_at=moment,
        quantity=pl.lit(1.0),
        amount=pl.lit(3.0),
        event_type=pl.lit(None, dtype=pl.String),
        is_return=pl.lit(value=False),
    )


def films() -> pl.DataFrame:
    """Their catalogue."""
    return pl.DataFrame(
        {
            "item_id": range(FILMS),
            "item_name": [f"Film {number}" for number in range(FILMS)],
            "category": ["film"] * FILMS,
        }
    )
