"""Which customers and items of a file this shop has ever seen.

What follows is decided by the command that imports: lists of a customer who is not known do no harm, for he may come
tomorrow; an item that nobody has would be shown to people who cannot buy it.
"""

from dataclasses import dataclass

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.lake import Lake

SHOWN = 3


@dataclass(frozen=True)
class Known:
    """Ids as the shop writes them; empty where nothing was loaded, so that nothing can be said."""

    customers: pl.Series
    """Those with an event in the look-back of the newest day."""
    items: pl.Series
    """Those of the catalogue, and those with an event in the look-back."""


@dataclass(frozen=True)
class Strangers:
    """What of a file is not known."""

    customers: int
    items: int
    shown: tuple[str, ...] = ()
    """Some of these items."""

    @property
    def words(self) -> list[str]:
        """For people; nothing where all is known."""
        said = []
        if self.customers:
            one = self.customers == 1
            said.append(
                f"{self.customers:,} {'customer is' if one else 'customers are'} not among those whose events were "
                f"loaded; what the file says of {'this one' if one else 'them'} is published all the same."
            )
        if self.items:
            some = ", ".join(self.shown) + (", ..." if self.items > len(self.shown) else "")
            one = self.items == 1
            said.append(
                f"{self.items:,} {'item is' if one else 'items are'} neither in the catalogue nor in a loaded event, "
                f"and left out of all lists: {some}."
            )
        return said


def known_ids(connection: ServingConnection, lake: Lake) -> Known:
    """What the newest features and the catalogue in the database have."""
    rows = connection.execute(connection.schemas.sql("SELECT item_id FROM {store}.items")).fetchall()
    catalogue = pl.Series([item for (item,) in rows]).cast(pl.String)
    pairs = _newest(lake, "interactions", ("customer_id", "item_id"))
    features = _newest(lake, "customer_features", ("customer_id",))
    customers = pl.concat([pairs["customer_id"], features["customer_id"]]).drop_nulls().unique()
    return Known(customers, pl.concat([catalogue, pairs["item_id"]]).drop_nulls().unique())


def _newest(lake: Lake, asset: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Some columns of the newest day, as text; of a lake that lacks it, no rows."""
    days = lake.partitions(asset)
    if not days:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return lake.scan(asset, days[-1:]).select(pl.col(columns).cast(pl.String)).unique().collect()


def unknown_customers(frame: pl.DataFrame, known: Known) -> int:
    """How many customers of a frame are not known; none where nobody is."""
    ids = frame["customer_id"].cast(pl.String).unique()
    return int((~ids.is_in(known.customers.implode())).sum()) if len(known.customers) else 0


def without_strangers(lists: pl.DataFrame, known: Known) -> tuple[pl.DataFrame, Strangers]:
    """Lists (customer_id, item_ids and what runs in parallel) without unknown items, and what is not known.

    Lists that lose all their items are gone. Raises `UserError` where no item is known: such ids are of another kind.
    """
    customers = unknown_customers(lists, known)
    items = lists["item_ids"].explode().drop_nulls().unique().cast(pl.String)
    strange = items.filter(~items.is_in(known.items.implode())).sort()
    if not len(known.items) or not len(strange):
        return lists, Strangers(customers, 0)
    if len(strange) == len(items):
        raise UserError(
            f"None of the {len(items):,} items of the file, such as {strange[0]}, is in the catalogue or in a loaded "
            "event.",
            "Are these the ids that the shop's orders have?",
            code="file.refused",
        )
    parallel = [name for name, kind in lists.schema.items() if isinstance(kind, pl.List)]
    rows = lists.with_row_index("list").explode(parallel)
    rows = rows.filter(pl.col("item_ids").cast(pl.String).is_in(known.items.implode()))
    others = [name for name in lists.columns if name not in parallel]
    kept = rows.group_by("list", *others, maintain_order=True).agg(parallel)
    return kept.select(lists.columns), Strangers(customers, len(strange), tuple(strange[:SHOWN]))
