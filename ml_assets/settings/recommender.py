"""What is recommended, and how recommenders are found, judged and promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from ml_assets.methods import METHODS
from ml_assets.settings.section import Section

if TYPE_CHECKING:
    MethodName = str
else:
    # For the schema, and for messages that name what is allowed.
    MethodName = Literal[*METHODS]


class PlacementSettings(Section):
    """The rules of one kind of list."""

    enabled: bool = Field(default=True, description="Whether this list is made at all.")
    max_per_category: int | None = Field(
        default=None, ge=1, description="Items of one category among the first k; further ones follow behind."
    )
    max_per_brand: int | None = Field(
        default=None, ge=1, description="Items of one brand among the first k; further ones follow behind."
    )
    min_repeat_days: int = Field(
        default=0, ge=0, description="Items the customer bought in the last so many days are left out."
    )


class Placements(Section):
    """The lists of every customer."""

    for_you: PlacementSettings = PlacementSettings()
    discover: PlacementSettings = PlacementSettings()
    buy_again: PlacementSettings = PlacementSettings()


class NearDuplicateSettings(Section):
    """Items that a shopper takes for the same: a list shows one of them, the others follow behind all else.

    Items of the same name always are; packs of one product are by what the settings say.
    """

    enabled: bool = Field(
        default=True, description="Whether lists show one of near-duplicate items. Items without a name have none."
    )
    by: list[Literal["name", "brand", "category"]] = Field(
        default=["name", "brand", "category"],
        min_length=1,
        description="What packs of one product agree in; name: without pack sizes and item numbers.",
    )
    keep_bought: bool = Field(
        default=True,
        description="Packs that the customer bought are shown beside each other, as long as their names differ.",
    )


class TrialSettings(Section):
    """How a method that would replace another is tried on customers, where `promotion` is `live`."""

    traffic: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of the list's customers that take part; half of them see the challenger's list.",
    )
    days: int = Field(
        default=56, ge=7, description="A challenger that has not won after so many days is dropped; one may win sooner."
    )
    again_after_days: int = Field(
        default=90, ge=1, description="A method that was dropped is not tried again for so many days."
    )


class SelectionSettings(Section):
    """How the best method of each placement is found on the shop's own past, and when it goes live."""

    effort: Literal["quick", "full"] = Field(
        default="full",
        description="quick: one window, single methods with their defaults, some seconds. full: all windows, a search "
        "and learned combinations, some minutes.",
    )
    methods: list[MethodName] | None = Field(
        default=None, min_length=1, description="Methods that may compete. Unset: all that the data can carry."
    )
    windows: int = Field(
        default=3,
        ge=1,
        le=12,
        description="Validation windows, each ending before the next begins; fewer where the history is short.",
    )
    search_seconds: float = Field(default=45, ge=0, description="Time for trying parameters; 0: the defaults only.")
    max_customers: int = Field(
        default=20_000, ge=100, description="Larger shops choose on a sample of so many customers."
    )
    margin: float = Field(
        default=0.02, ge=0, le=1, description="A challenger may score this share below the champion, which is noise."
    )
    min_coverage: float = Field(
        default=0.5, ge=0, le=1, description="Least different items shown, as a share of the champion's."
    )
    promotion: Literal["backtest", "live"] = Field(
        default="backtest",
        description="What a challenger of another method than the champion's must win to score. backtest: the windows "
        "of the past. live: these, and then an experiment with customers, which is started by itself.",
    )
    trial: TrialSettings = TrialSettings()


class RecommenderSettings(Section):
    """What is recommended, and the parameters of the models behind it."""

    enabled: bool = Field(
        default=True,
        description="Whether anything is recommended. false: segments and customer value alone, for which "
        "source.columns.item is not needed. Unset with source.columns.item: null: false.",
    )
    k: int = Field(default=20, ge=1, le=200, description="Items shown per list.")
    stored: int = Field(default=60, ge=1, le=500, description="Candidates stored per list, so that lists stay full.")
    over_generation: float = Field(
        default=1.5, ge=1, le=10, description="Candidates taken from each method, as a multiple of stored."
    )
    placements: Placements = Placements()
    repeats: Literal["auto", "occur", "do_not_occur"] = Field(
        default="auto",
        description="Whether customers buy the same thing again. auto: measured on the shop's past. do_not_occur: "
        "for_you leaves out what the customer bought, and buy_again is not made.",
    )
    min_orders: int = Field(default=1, ge=1, description="Customers with fewer orders get the popular items.")
    popularity_days: int = Field(default=28, ge=1, description="Window of the popular items.")
    max_model_items: int = Field(default=6000, ge=10, description="Items in the item-item model, best sellers first.")
    min_item_buyers: int = Field(
        default=20,
        ge=1,
        description="Items with fewer buyers stay out of that model; in small shops a tenth of them will do.",
    )
    unsold_days: int | None = Field(
        default=None, ge=1, description="Items that nobody bought for so many days count as discontinued. Unset: none."
    )
    left_after_days: int | None = Field(
        default=None,
        ge=1,
        description="Customers without an order for so many days have left and get no list of their own. Unset: none.",
    )
    evaluation_days: list[Annotated[int, Field(ge=1, le=365)]] = Field(
        default=[7, 30], min_length=1, description="Horizons by which methods are judged, in days."
    )
    exclude_categories: list[str] = Field(
        default=[],
        description="Categories that are never recommended. Unset with the built-in data: coupons and deposits.",
    )
    exclude_new_categories: list[str] = Field(
        default=[],
        description="Categories recommended to nobody who has not bought the item: not in discover, nor among similar "
        "and popular items. Unset with the built-in data: fuel.",
    )
    near_duplicates: NearDuplicateSettings = NearDuplicateSettings()
    sensitive_categories: list[str] = Field(
        default=[], description="Categories whose items are never cited as a reason."
    )
    selection: SelectionSettings = SelectionSettings()
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @property
    def depth(self) -> int:
        """Candidates taken from each method."""
        return int(self.stored * self.over_generation)

    @property
    def enabled_placements(self) -> tuple[str, ...]:
        """The placements that are made."""
        made = Placements.model_fields if self.enabled else ()
        return tuple(name for name in made if getattr(self.placements, name).enabled)

    @model_validator(mode="after")
    def _store_what_is_shown(self) -> RecommenderSettings:
        if self.stored < self.k:
            raise ValueError(f"stored ({self.stored}) must be at least k ({self.k})")
        return self
