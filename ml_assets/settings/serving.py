"""How predictions are judged before they are shown, kept afterwards, and read."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from ml_assets.settings.durations import Duration
from ml_assets.settings.section import Section

OnStale = Literal["serve", "fallback_popular", "empty"]
REPEAT_AFTER = "How long a bought item stays away, such as 3d. null: for good."
# A table with its schema, or without; each part is quoted as it stands.
TABLE = r"^[^.\x00]{1,63}(\.[^.\x00]{1,63})?$"


class GateSettings(Section):
    """What a release must be like to go live. Shares are 0 to 1; one that fails is kept, blocked and explained."""

    judge_from: int = Field(
        default=100, ge=1, description="Gates that compare shares are silent below this many lists or customers."
    )
    least_coverage: float = Field(
        default=0.5, ge=0, le=1, description="Customers, items or scopes at least, as a share of the live release's."
    )
    least_active_coverage: float = Field(
        default=0.9, ge=0, le=1, description="Customers with purchases in the look-back that must have a list."
    )
    most_short_lists: float = Field(
        default=0.5, ge=0, le=1, description="`for_you` lists with fewer than k items, where the catalogue has more."
    )
    least_length: float = Field(
        default=0.5, ge=0, le=1, description="Mean items shown per list at least, as a share of the live release's."
    )
    most_same: float = Field(default=0.8, ge=0, le=1, description="Lists of a placement that show the same items.")
    most_fallback: float = Field(
        default=0.9, ge=0, le=1, description="Popular items among all items that `for_you` lists show."
    )
    least_overlap: float = Field(
        default=0.05, ge=0, le=1, description="Mean share of the items shown that the live lists show as well."
    )
    most_unchanged: float = Field(
        default=0.999, ge=0, le=1, description="Lists exactly as live ones of an older day: a frozen feed. 1: allowed."
    )
    most_constant: float = Field(default=0.5, ge=0, le=1, description="Lists of which all scores are equal.")
    most_unavailable: float = Field(
        default=0.5, ge=0, le=1, description="Items shown that are unavailable or banned at this moment."
    )
    most_rescored: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Customers whose lists `ml-assets run --since-last` makes anew at once, of those of the release.",
    )
    largest_segment: float = Field(default=0.95, ge=0, le=1, description="Customers in one segment.")
    most_moved: float = Field(
        default=0.6, ge=0, le=1, description="Customers whose segment is another than in the live release."
    )


class AvailabilitySettings(Section):
    """A table of the shop that says which items can be had."""

    table: str = Field(pattern=TABLE, description="The table, e.g. public.products.")
    item: str = Field(min_length=1, max_length=63, description="Its column with the item's id, of the shop's id type.")
    available: str = Field(
        min_length=1,
        max_length=63,
        description="Its column that says so: true or false, or a stock of which 0 and less is none. NULL: available.",
    )


class PurchaseSettings(Section):
    """A table of the shop that says what was bought."""

    table: str = Field(pattern=TABLE, description="The table, e.g. public.order_lines.")
    customer: str = Field(min_length=1, max_length=63, description="Its column with the customer's id.")
    item: str = Field(min_length=1, max_length=63, description="Its column with the item's id.")
    time: str = Field(min_length=1, max_length=63, description="Its column with the time, a timestamptz.")


class ReadingSettings(Section):
    """How one list behaves when it is read."""

    on_stale: OnStale = Field(
        default="serve",
        description="When older than freshness.predictions allows: serve (marked is_stale), fallback_popular or empty.",
    )
    repeat_after: Duration | None = Field(default=timedelta(days=3), description=REPEAT_AFTER)


class DiscoverSettings(ReadingSettings):
    """How a list of new items behaves when it is read."""

    repeat_after: Duration | None = Field(default=None, description=REPEAT_AFTER)


class PlacementsSettings(Section):
    """How each list behaves when it is read."""

    for_you: ReadingSettings = ReadingSettings()
    discover: DiscoverSettings = DiscoverSettings()
    buy_again: ReadingSettings = ReadingSettings()

    @model_validator(mode="after")
    def _honest_fallback(self) -> PlacementsSettings:
        if self.buy_again.on_stale == "fallback_popular":
            raise ValueError("popular items were not all bought before; use buy_again.on_stale: empty")
        return self


class ServingSettings(Section):
    """How predictions are judged before they are shown, kept afterwards, and read."""

    keep_releases: int = Field(
        default=8, ge=2, description="Releases kept of each subject, and as many blocked ones. Live ones always stay."
    )
    most_retired: int = Field(
        default=3,
        ge=0,
        description="Replaced releases of each subject that stay on the disk for the ten minutes in which statements "
        "may still read them; what is beyond is dropped at once, but never under an open transaction.",
    )
    give_way: bool = Field(
        default=True,
        description="While releases are being read, load new ones in small steps, so that a small server keeps "
        "answering; about seven minutes per million lists. false: as fast as the server can.",
    )
    exports: str | None = Field(
        default=None,
        description="Folder of `ml-assets export`, one for each shop. Unset: exports, or exports-NAME, in home.",
    )
    gates: GateSettings = GateSettings()
    placements: PlacementsSettings = PlacementsSettings()
    availability: AvailabilitySettings | None = Field(
        default=None, description="Read availability from a table of the shop, beside ml_meta.rules."
    )
    purchases: PurchaseSettings | None = Field(
        default=None, description="Read purchases from a table of the shop, beside ml_meta.purchases."
    )
