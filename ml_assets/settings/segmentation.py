"""How customers are grouped."""

from __future__ import annotations

from pydantic import Field, model_validator

from ml_assets.settings.section import Section


class SegmentationSettings(Section):
    """How customers are grouped."""

    k_min: int = Field(default=4, ge=2, le=10, description="Fewest segments tried.")
    k_max: int = Field(default=7, ge=2, le=10, description="Most segments tried; there are ten names.")
    min_share: float = Field(default=0.03, ge=0, lt=0.5, description="No segment smaller than this share.")
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @model_validator(mode="after")
    def _range_is_one(self) -> SegmentationSettings:
        if self.k_max < self.k_min:
            raise ValueError(f"k_max ({self.k_max}) must be at least k_min ({self.k_min})")
        return self
