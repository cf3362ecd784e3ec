"""Near-duplicates: items that a shopper takes for the same thing, because another pack of it has another id.

The rule belongs here, what lists do about it is in `lists.py`. Two items are near-duplicates

- when their whole names agree: a list of names would show one line twice;
- or when everything in `recommender.near_duplicates.by` agrees, the name without pack sizes (numbers with a
  unit of weight, volume or count) and item numbers (five digits or more): they are packs of one product.

Capitals, punctuation and spaces never count. An item without a name has no near-duplicates.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from ml_assets.models.kernels import lists as list_kernels
from ml_assets.models.kernels.csr import Bools, Int32
from ml_assets.models.matrices.sparse_scores import Lists, in_threads
from ml_assets.settings.recommender import NearDuplicateSettings

UNITS = (
    "fl oz|oz|lbs?|gr?|kg|mg|µg|mcg|ml|cl|dl|lt?|ltr|lit(?:er|re)s?|gal|ga|pt|qt|doz(?:en)?|dz|ct|cnt|count|pk|packs?|"
    "er[ -]?packs?|pcs?|pieces?|stk|stck|stück|ctn|cartons?|sq ft|sheets?|rolls?|loads?|bags?|caps(?:ules)?|"
    "tabs?|tablets?"
)
NUMBER = r"\d+(?:[.,/]\d+)*"
SIZE = rf"\b(?:{NUMBER}\s*[x*/\u00d7-]\s*)*{NUMBER}\s*-?\s*(?:{UNITS})\b"
"""Such as `12 oz`, `6 x 330 ml`, `12 pack/12 oz`, `1/2 gal`; lengths tell products apart and are none."""
ITEM_NUMBER = r"\b\d{5,}\b"
# A unit that stands alone behind a comma: `Cigarettes, carton`.
BARE_UNIT = rf",\s*(?:{UNITS})\s*$"
BETWEEN_WORDS = r"[^\p{L}\p{N}]+"


@dataclass(frozen=True)
class NearDuplicates:
    """Groups of item codes, one number per item, -1 where it is alone; in three senses, each wider than the first."""

    names: Int32
    """The whole name."""
    packs: Int32
    """What the settings say."""
    products: Int32
    """The name without pack sizes, whatever else: what a reason may not cite for another."""
    keep_bought: bool = True
    """Whether packs that the customer bought stand beside each other."""

    @classmethod
    def of(cls, items: pl.Series, catalogue: pl.DataFrame, settings: NearDuplicateSettings) -> Self:
        """The groups of items, in the order of their codes; the catalogue has an `item_name` or gives no groups."""
        alone = np.full(len(items), -1, np.int32)
        if not settings.enabled or "item_name" not in catalogue.columns or catalogue["item_name"].is_null().all():
            return cls(alone, alone, alone, settings.keep_bought)
        texts = [name for name in ("item_name", "category", "brand") if name in catalogue.columns]
        known = pl.DataFrame({"item_id": items}).join(
            catalogue.select("item_id", *texts), on="item_id", how="left", maintain_order="left"
        )
        # Many shops have few different names; taking them apart costs more than the joins.
        names = known.select(pl.col("item_name").drop_nulls().unique()).lazy().select("item_name", **_read_names())
        compared = known.join(names.collect(), on="item_name", how="left", maintain_order="left")
        by: list[str] = [name for name in settings.by if name == "name" or name in texts]
        return cls(
            names=_groups(compared, ["whole"]),
            packs=_groups(compared, by),
            products=_groups(compared, ["name"]),
            keep_bought=settings.keep_bought,
        )

    @property
    def any(self) -> bool:
        """Whether any item has a near-duplicate."""
        return bool((self.names >= 0).any() or (self.packs >= 0).any())

    def put_behind(self, lists: Lists, bought: Bools) -> None:
        """Move near-duplicates of earlier items behind all other items of their lists, in place.

        `bought` (rows x K) are the entries that the customer bought before.
        """
        if not self.any:
            return
        free = bought & self.keep_bought
        arguments = (lists.items, lists.scores, lists.tiers, lists.counts, free, self.names, self.packs)
        in_threads(lists.counts.size, lambda first, last: list_kernels.put_behind(first, last, *arguments))
        np.minimum.accumulate(lists.scores, axis=1, out=lists.scores)

    def ordered(self, ranking: Int32) -> Int32:
        """Item codes, best first, with near-duplicates of earlier ones behind all others."""
        late = _repeated(self.names[ranking]) | _repeated(self.packs[ranking])
        return np.concatenate([ranking[~late], ranking[late]])

    def share_of_pairs(self, items: Int32) -> float:
        """The share of near-duplicates among the pairs of items of one list; `items` is rows x K, -1 for none."""
        there = items >= 0
        lengths = there.sum(axis=1)
        pairs = int((lengths * (lengths - 1) // 2).sum())
        if not pairs or not self.any:
            return 0.0
        alike = np.zeros((*items.shape, items.shape[1]), np.bool_)
        for groups in (self.names, self.packs):
            found = np.where(there, groups[items], -1)
            alike |= (found[:, :, np.newaxis] == found[:, np.newaxis, :]) & (found >= 0)[:, :, np.newaxis]
        return float(np.triu(alike, 1).sum()) / pairs


def _repeated(groups: Int32) -> Bools:
    """Whether the group of each was there before; those of -1 never."""
    _, firsts = np.unique(groups, return_index=True)
    again = np.ones(groups.size, np.bool_)
    again[firsts] = False
    return again & (groups >= 0)


def _read_names() -> dict[str, pl.Expr]:
    """`whole`, the name as it is compared, and `name`, without what tells packs of one product apart."""
    folded = pl.col("item_name").str.normalize("NFKC").str.to_lowercase()
    less = folded.str.replace_all(SIZE, " ").str.replace_all(ITEM_NUMBER, " ").str.replace(BARE_UNIT, "")
    less = less.str.replace_all(BETWEEN_WORDS, " ").str.strip_chars(" ")
    # Whole names keep the points of their numbers: 1.5 is not 15.
    whole = (
        folded.str.replace_all(r"[^\p{L}\p{N}.,]+|[.,]\B|[.,]$", " ").str.replace_all(" +", " ").str.strip_chars(" ")
    )
    # A name that is nothing but a size or a number is told apart by it.
    return {"whole": whole, "name": pl.when(less == "").then(whole).otherwise(less)}


def _groups(items: pl.DataFrame, by: list[str]) -> Int32:
    """Numbers from 0 of what agrees in all columns; -1 for items without a name, and for those alone in their group."""
    shared = (
        items.lazy()
        .with_row_index("code")
        .filter(pl.col("whole").fill_null("") != "")
        .group_by(by)
        .agg("code")
        .filter(pl.col("code").list.len() > 1)
        .with_row_index("group")
        .explode("code")
        .collect()
    )
    groups = np.full(items.height, -1, np.int32)
    groups[shared["code"].to_numpy()] = shared["group"].to_numpy()
    return groups
