"""Lists with names, as Dagster metadata: what a shopper would see, for people who look whether it makes sense.

No customer is named: what Dagster keeps outlives an erasure.
"""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from ml_assets.models.placements import PLACEMENTS

SHOWN = 10
# A table cell breaks at spaces only, and two columns have room for so many characters.
WIDTH = 44


def recommendation_samples(lists: pl.DataFrame, items: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """The lists of one customer, by placement: of those with the most lists the one in the middle."""
    if lists.is_empty():
        return {}
    counts = lists.group_by("customer_id", maintain_order=True).len()
    customers = counts.filter(pl.col("len") == pl.col("len").max())["customer_id"]
    of_one = lists.filter(pl.col("customer_id") == customers[len(customers) // 2])
    return {
        f"sample_{row['placement']}": _table(
            {
                "a customer's list": _named(row["item_ids"][:SHOWN], items),
                "because": [
                    ": ".join(part for part in (code.replace("_", " "), " and ".join(_named(cited, items))) if part)
                    for code, cited in zip(row["reason_codes"][:SHOWN], _others(row), strict=False)
                ],
            }
        )
        for placement in PLACEMENTS
        for row in of_one.filter(pl.col("placement") == placement).iter_rows(named=True)
    }


def popular_sample(lists: pl.DataFrame, items: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """The best sellers of the shop, and those of the categories with the best."""
    if lists.is_empty() or not len(lists["item_ids"][0]):
        return {}
    everything = lists.row(0, named=True)
    categories = lists[1:].sort(pl.col("scores").list.first(), descending=True, maintain_order=True).head(SHOWN)
    samples = {"sample_all": _table({"best sellers": _named(everything["item_ids"][:SHOWN], items)})}
    if categories.height:
        best = _named(categories["item_ids"].list.first().to_list(), items)
        samples["sample_categories"] = _table({"category": categories["scope"].to_list(), "best seller": best})
    return samples


def similar_sample(lists: pl.DataFrame, items: pl.DataFrame) -> dict[str, dg.MetadataValue]:
    """Some items, spread over all, and the two most similar to each."""
    if lists.is_empty():
        return {}
    some = lists.gather_every(max(lists.height // SHOWN, 1)).head(SHOWN)
    similar = [" / ".join(_named(ids[:2], items)) for ids in some["item_ids"].to_list()]
    return {"sample": _table({"item": _named(some["item_id"].to_list(), items), "similar": similar})}


def _others(row: dict[str, list[object]]) -> list[list[object]]:
    """What each reason cites beside the item itself."""
    pairs = zip(row["item_ids"], row["reason_items"], strict=True)
    return [[one for one in cited if one != item] for item, cited in pairs]  # type: ignore[attr-defined]


def _named(ids: Sequence[object], items: pl.DataFrame) -> list[str]:
    """Names of items, their ids where they have none."""
    names = dict(items.filter(pl.col("item_id").is_in(list(ids))).select("item_id", "item_name").iter_rows())
    return [_cut(str(names.get(one) or one)) for one in ids]


def _cut(name: str) -> str:
    return name if len(name) <= WIDTH else f"{name[: WIDTH - 1]}…"


def _table(columns: dict[str, list[str]]) -> dg.MetadataValue:
    rows = zip(*columns.values(), strict=True)
    return dg.MetadataValue.table([dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows])
