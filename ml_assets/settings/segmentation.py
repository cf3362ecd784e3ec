"""How customers are grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from ml_assets.segments import KEYS, MEASURES, PROSPECTS
from ml_assets.settings.section import Section

if TYPE_CHECKING:
    MeasureName = str
    SegmentKey = str
else:
    MeasureName = Literal[*MEASURES]
    SegmentKey = Literal[*KEYS, PROSPECTS]


class SegmentationSettings(Section):
    """How customers are grouped."""

    k_min: int = Field(default=4, ge=2, le=10, description="Fewest segments tried.")
    k_max: int = Field(default=7, ge=2, le=10, description="Most segments tried; there are ten names.")
    min_share: float = Field(default=0.03, ge=0, lt=0.5, description="No segment smaller than this share.")
    inputs: list[MeasureName] = Field(
        default=[],
        description="Measures that decide on the segment, such as `[decayed_spend, recency_days]`; chosen by what they "
        "say about the next month where empty.",
    )
    margin: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="How much nearer another segment must be, as a share of the distance, before customers move.",
    )
    max_moved: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="A training that moves more than this share of the customers to another segment waits for "
        "`ml-assets segments accept`.",
    )
    names: dict[SegmentKey, str] = Field(
        default={},
        description="What you call the segments, by key: `{at_risk: Sleeping beauties}`.",
    )
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @model_validator(mode="after")
    def _range_is_one(self) -> SegmentationSettings:
        if self.k_max < self.k_min:
            raise ValueError(f"k_max ({self.k_max}) must be at least k_min ({self.k_min})")
        return self
