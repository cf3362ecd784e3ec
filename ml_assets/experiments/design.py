"""What an experiment is once it is started, and where in its layer there is room for it.

Reading and writing it is in `register.py`; what a shop may ask for is in `settings/experiments.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from ml_assets.errors import UserError
from ml_assets.settings.experiments import MADE_LIST, RULED_LIST, ExperimentSettings

# Slices are written as shares such as 0.1, which no double holds exactly.
ROUNDING = 1e-9
IN_WORDS = {
    "live": "the list of everybody",
    "none": "no list",
    "popular": "the popular items",
    "method": "a list by the method {} alone",
    "model": "a list by the model {}",
    "challenger": "a list by the challenger {}",
    "rules": "the list of everybody under the rules of {}",
}
"""What an arm sees, by the kind of its list."""


@dataclass(frozen=True)
class Arm:
    """Some of the customers of an experiment, and what they see."""

    name: str
    share: float
    drawn_below: float
    list: str
    """live, none, popular, method:NAME, model:VERSION, challenger:METHOD or rules:FILE."""

    @property
    def is_made(self) -> bool:
        """Whether its list has to be computed and published for it."""
        return MADE_LIST.fullmatch(self.list) is not None

    @property
    def is_ruled(self) -> bool:
        """Whether it sees the live list under rules of its own."""
        return RULED_LIST.fullmatch(self.list) is not None

    @property
    def words(self) -> str:
        """What its customers see, for people."""
        kind, _, name = self.list.partition(":")
        return IN_WORDS[kind].format(name)

    @property
    def may_wait(self) -> bool:
        """Whether there may be days of which nothing can make its list, so that its customers see the live one."""
        return self.list.startswith("challenger:")


@dataclass(frozen=True)
class Experiment:
    """One that was started."""

    name: str
    placement: str | None
    """None: every list, which is the permanent hold-out."""
    layer: str
    layer_salt: str
    slice_from: float
    slice_until: float
    salt: str
    segment_key: str | None
    min_orders: int | None
    note: str
    started_at: datetime
    serving_since: datetime | None
    ends_at: datetime | None
    """None: until it is stopped."""
    stopped_at: datetime | None
    stopped_reason: str | None
    arms: tuple[Arm, ...] = ()
    """The first is what the others are compared with."""

    @property
    def control(self) -> Arm:
        """What the other arms are compared with."""
        return self.arms[0]

    @property
    def made_arms(self) -> list[Arm]:
        """Those whose lists have to be computed."""
        return [arm for arm in self.arms if arm.is_made]

    def state(self, now: datetime) -> str:
        """As in `ml.experiments`."""
        if self.stopped_at is not None:
            return "stopped"
        if self.ends_at is not None and now >= self.ends_at:
            return "ended"
        return "waiting" if self.serving_since is None else "running"


def free_slice(layer: str, traffic: float, taken: Sequence[Experiment]) -> tuple[float, float]:
    """The first slice of a layer that is wide enough beside the experiments that run in it.

    Raises `UserError` where there is none.
    """
    slices = sorted((one.slice_from, one.slice_until) for one in taken)
    edges = [(0.0, 0.0), *slices, (1.0, 1.0)]
    gaps = [(before[1], after[0]) for before, after in pairwise(edges)]
    for start, end in gaps:
        if end - start >= traffic - ROUNDING:
            return start, min(start + traffic, end)
    widest = max(end - start for start, end in gaps)
    names = ", ".join(f"{one.name} ({one.slice_until - one.slice_from:.0%})" for one in taken)
    raise UserError(
        f"The layer {layer} has no room for {traffic:.0%} of its customers: the widest free part is {widest:.0%}, "
        f"beside {names}.",
        "Ask for less traffic, stop one of them, or name another layer where another list is meant.",
        code="experiment.refused",
    )


def is_as_planned(experiment: Experiment, planned: ExperimentSettings) -> bool:
    """Whether what the settings say is what was started; the note may change."""
    return (
        experiment.placement == planned.placement
        and experiment.layer == planned.layer_name
        and abs(experiment.slice_until - experiment.slice_from - planned.traffic) < ROUNDING
        and (experiment.segment_key, experiment.min_orders) == (planned.segment, planned.min_orders)
        and [(arm.name, arm.share, arm.list) for arm in experiment.arms]
        == [(name, arm.share, arm.list) for name, arm in planned.arms.items()]
    )
