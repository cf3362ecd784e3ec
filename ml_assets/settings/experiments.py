"""Experiments: who is shown what, so that it can be measured what the lists are worth."""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ml_assets.methods import METHODS, SOURCES
from ml_assets.settings.section import Section

NAME = r"^[a-z][a-z0-9_]{0,39}$"
HOLD_OUT = "hold_out"
TRIAL = re.compile(r"challenger_(for_you|discover|buy_again)_[0-9]+")
"""Names of experiments that the program starts by itself."""
PLAIN_LISTS = ("live", "none", "popular")
MADE_LIST = re.compile(r"(method|model|challenger):(.+)")
RULED_LIST = re.compile(r"rules:(.*\S.*)")
LISTS = (
    "live (the list of everybody), none, popular, method:NAME, model:VERSION, challenger:METHOD, or rules:FILE (the "
    "live list under the rules of a file)"
)

ArmName = Annotated[str, Field(pattern=NAME)]


class ArmSettings(Section):
    """What some of the customers of an experiment see."""

    share: float = Field(gt=0, lt=1, description="Share of the experiment's customers; those of all arms sum to 1.")
    list: str = Field(default="live", description=f"What they see: {LISTS}.")

    @field_validator("list")
    @classmethod
    def _known_list(cls, value: str) -> str:
        made = MADE_LIST.fullmatch(value)
        if value not in PLAIN_LISTS and made is None and not RULED_LIST.fullmatch(value):
            raise ValueError(f"{value} is no list; it may be {LISTS}")
        if made and (unknown := unknown_method(made)):
            raise ValueError(unknown)
        return value

    @property
    def rules_file(self) -> Path | None:
        """The file of rules that it names, as it is written; None where it sees no such list."""
        ruled = RULED_LIST.fullmatch(self.list)
        return Path(ruled[1]) if ruled else None


def unknown_method(made: re.Match[str]) -> str | None:
    """What is wrong with the method that a made list names; None where it names none, or one that there is."""
    known = {"method": SOURCES, "challenger": METHODS}.get(made[1])
    if known is None or made[2] in known:
        return None
    return f"there is no method {made[2]}; methods are {', '.join(known)}"


class ExperimentSettings(Section):
    """One experiment, as `ml-assets experiment start` takes it."""

    placement: Literal["for_you", "discover", "buy_again"] = Field(description="The list that it is about.")
    arms: dict[ArmName, ArmSettings] = Field(
        min_length=2, description="The arms by name; the others are compared with the first."
    )
    layer: str | None = Field(
        default=None,
        pattern=NAME,
        description="Experiments of one layer have no customer in common; those of different layers are independent. "
        "Experiments on one list must be in one layer. Unset: a layer named like the list.",
    )
    traffic: float = Field(default=1.0, gt=0, le=1, description="Share of the layer's customers that take part.")
    segment: str | None = Field(
        default=None, description="Only customers who are in this segment on the day they enter. Unset: all."
    )
    min_orders: int | None = Field(
        default=None, ge=1, description="Only customers with so many orders in the look-back on the day they enter."
    )
    until: date | None = Field(
        default=None, description="The last day, in the shop's time zone. Unset: until it is stopped."
    )
    note: str = Field(default="", description="What it is to find out.")

    @property
    def layer_name(self) -> str:
        """The layer, which is that of the list unless set."""
        return self.layer or self.placement

    @model_validator(mode="after")
    def _whole(self) -> ExperimentSettings:
        total = math.fsum(arm.share for arm in self.arms.values())
        if abs(total - 1) > 1e-9:
            shares = ", ".join(f"{name} {arm.share:g}" for name, arm in self.arms.items())
            raise ValueError(f"the shares of the arms sum to {total:g}, not to 1: {shares}")
        lists = [arm.list for arm in self.arms.values()]
        if len(set(lists)) == 1 and lists[0] != "live":
            raise ValueError(f"all arms see the same list ({lists[0]}); only an A/A test does, with live")
        made = [one.removeprefix("method:") for one in lists if one.startswith("method:")]
        if self.placement == "buy_again" and (unfit := [name for name in made if not SOURCES[name].repeats]):
            raise ValueError(f"{unfit[0]} finds new items only, so it cannot fill buy_again")
        if self.layer_name == HOLD_OUT:
            raise ValueError(f"the layer {HOLD_OUT} is that of the permanent hold-out; name another")
        return self


def reserved_name(name: str) -> str | None:
    """Why an experiment of the shop may not have a name; None where it may."""
    if name == HOLD_OUT:
        return f"{HOLD_OUT} is the name of the permanent one; set experiments.hold_out"
    if TRIAL.fullmatch(name):
        return f"{name} is a name of the trials that recommender.selection.promotion: live starts; take another"
    return None


class ExplorationSettings(Section):
    """Items drawn by chance in the lower half of lists, so that other lists can be judged without showing them."""

    epsilon: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        description="Probability, for each place in the lower half of a list, that an item drawn from the candidates "
        "behind the list is shown there. 0: off.",
    )
    placements: list[Literal["for_you", "discover", "buy_again"]] | None = Field(
        default=None, min_length=1, description="The lists that explore. Unset: all that are made."
    )

    def explores(self, placement: str) -> bool:
        """Whether a list explores."""
        return self.epsilon > 0 and (self.placements is None or placement in self.placements)


class ExperimentsSettings(Section):
    """Who is shown what, so that it can be measured what the lists are worth."""

    hold_out: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of the customers who never see a list, in no experiment either: what all lists together are "
        "worth is the difference to them. It is changed only while no experiment runs.",
    )
    keep_exposures_days: int = Field(
        default=400, ge=30, description="What applications told of exposures is dropped after so many days."
    )
    on_breach: Literal["stop", "warn"] = Field(
        default="stop",
        description="What happens where an arm brings less revenue or fewer orders than the control for sure, or more "
        "returns or opt-outs. stop: the experiment is stopped, and everybody sees the live list again. Either way the "
        "team is told.",
    )
    exploration: ExplorationSettings = ExplorationSettings()
    planned: dict[ArmName, ExperimentSettings] = Field(
        default={}, description="Experiments by name, each started by `ml-assets experiment start NAME`."
    )

    @field_validator("planned")
    @classmethod
    def _free_names(cls, value: dict[str, ExperimentSettings]) -> dict[str, ExperimentSettings]:
        if reserved := next(filter(None, map(reserved_name, value)), None):
            raise ValueError(reserved)
        return value
