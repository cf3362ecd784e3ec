"""What is recommended, and how recommenders are found and judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ml_assets.settings.section import Section


class RecommenderSettings(Section):
    """What is recommended, and the parameters of the models behind it."""

    k: int = Field(default=20, ge=1, le=200, description="Items shown per list.")
    stored: int = Field(default=60, ge=1, le=500, description="Candidates stored per list, so that lists stay full.")
    min_orders: int = Field(default=1, ge=1, description="Customers with fewer orders get the popular items.")
    half_life_days: float = Field(default=90, gt=0, description="Age at which a purchase counts half.")
    neighbours: int = Field(default=300, ge=1, description="Nearest customers that inform a personal list.")
    popularity_days: int = Field(default=28, ge=1, description="Window of the popular items.")
    max_model_items: int = Field(default=6000, ge=10, description="Items in the item-item model, best sellers first.")
    min_item_buyers: int = Field(
        default=20,
        ge=1,
        description="Items with fewer buyers stay out of that model; in small shops a tenth of them will do.",
    )
    evaluation_days: list[Annotated[int, Field(ge=1, le=365)]] = Field(
        default=[7, 30], min_length=1, description="Horizons of the evaluation in the model card, in days."
    )
    exclude_categories: list[str] = Field(default=[], description="Categories that are never recommended.")
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @model_validator(mode="after")
    def _store_what_is_shown(self) -> RecommenderSettings:
        if self.stored < self.k:
            raise ValueError(f"stored ({self.stored}) must be at least k ({self.k})")
        return self
