"""How customers are grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from ml_assets.segments import KEYS, MEASURES, PROSPECTS, usual_name
from ml_assets.settings.section import Section

if TYPE_CHECKING:
    MeasureName = str
    SegmentKey = str
else:
    MeasureName = Literal[*MEASURES]
    SegmentKey = Literal[*KEYS, PROSPECTS]


LONGEST_NAME = 60


class SegmentationSettings(Section):
    """How customers are grouped."""

    enabled: bool = Field(
        default=True,
        description="Whether customers are grouped and their value is foretold. Unset with source.columns.customer: "
        "null: false.",
    )
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
        description="What you call the segments, by key: `{at_risk: Sleeping beauties}`; each another name.",
    )
    seed: int = Field(default=20170101, ge=0, description="Of everything random in training.")

    @field_validator("inputs")
    @classmethod
    def _each_input_once(cls, inputs: list[str]) -> list[str]:
        if again := sorted({one for one in inputs if inputs.count(one) > 1}):
            raise ValueError(f"{', '.join(again)} stands there twice")
        return inputs

    @field_validator("names")
    @classmethod
    def _names_tell_apart(cls, names: dict[str, str]) -> dict[str, str]:
        given = {key: name.strip() for key, name in names.items()}
        if bad := [key for key, name in given.items() if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME]:
            raise ValueError(f"the name of {bad[0]} must be one line of 1 to {LONGEST_NAME} characters")
        bearers: dict[str, str] = {}
        for key in (*KEYS, PROSPECTS):
            name = given.get(key, usual_name(key))
            if (other := bearers.setdefault(name.casefold(), key)) != key:
                raise ValueError(f"{other} and {key} are both called {name}")
        return given

    @model_validator(mode="after")
    def _range_is_one(self) -> SegmentationSettings:
        if self.k_max < self.k_min:
            raise ValueError(f"k_max ({self.k_max}) must be at least k_min ({self.k_min})")
        return self
