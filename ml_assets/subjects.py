"""The subjects: everything whose age is judged, one row each, in the order in which it is made.

What holds for a single subject is written in its row, and every list of subjects elsewhere is made from these rows.
How a subject is computed, stored or judged does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["data", "features", "model", "predictions"]
Need = Literal["customers", "recommender", "segmentation"]
"""What a shop may lack or not want: orders that say who bought, recommendations, segments."""


@dataclass(frozen=True)
class Subject:
    """One row of `ml.freshness`."""

    name: str
    kind: Kind
    made_from: tuple[str, ...]
    """Subjects, and the jobs that fill it: what makes it old when it is old or fails."""
    models: tuple[str, ...] = ()
    """The models that score it. An old one goes on scoring; without any there is nothing."""
    drifts: bool = False
    """Whether its newest day is compared with the weeks before."""
    needs: tuple[Need, ...] = ()
    """Without which of these it is not made."""

    @property
    def asset(self) -> str:
        """The asset whose check shows the verdict on its age."""
        return self.name


@dataclass(frozen=True)
class Table(Subject):
    """A subject that is published: a release of it is a partition of the table `ml_store.<name>`."""

    description: str = ""
    """Of the release's asset."""
    keys: tuple[str, ...] = ()
    """Columns that are unique together; the first is what coverage counts."""
    counted: str = ""
    """What the first key counts, as a word in the plural."""
    lists: tuple[str, ...] = ()
    """Columns of lists that run in parallel, best first."""
    texts: tuple[str, ...] = ()
    """Further columns of text."""
    notes: tuple[str, ...] = ()
    """Columns of text that may be null, or missing altogether."""
    numbers: tuple[str, ...] = ()
    """Further columns of numbers, at least 0; null in all rows where nobody computed them."""
    numbers_of_items: tuple[str, ...] = ()
    """Columns with a number for each item of the lists; where nobody computed them empty, or missing altogether."""
    may_start_empty: bool = False
    """Whether a release without rows may go live while none with rows has."""

    @property
    def asset(self) -> str:
        """The asset that publishes it."""
        return f"{self.name}_release"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a frame must have; `notes`, `numbers` and `numbers_of_items` it may have."""
        return self.keys + self.texts + self.lists

    @property
    def is_personal(self) -> bool:
        """Whether it holds a list for each customer and placement."""
        return "placement" in self.keys

    @property
    def has_arms(self) -> bool:
        """Whether its lists are those of arms of experiments."""
        return "arm" in self.keys

    @property
    def has_segments(self) -> bool:
        """Whether its rows name segments, whose profiles are published with it."""
        return "segment_key" in self.texts


_ROWS = (
    Subject("transactions", "data", made_from=("daily_scoring", "load_days"), drifts=True),
    Subject("interactions", "features", made_from=("transactions",), needs=("recommender",)),
    Subject("customer_features", "features", made_from=("transactions",), drifts=True, needs=("customers",)),
    Subject("recommender_model", "model", made_from=("interactions", "weekly_training"), needs=("recommender",)),
    Subject("segmentation_model", "model", made_from=("customer_features", "weekly_training"), needs=("segmentation",)),
    Subject(
        "customer_value_model", "model", made_from=("customer_features", "weekly_training"), needs=("segmentation",)
    ),
    Table(
        "recommendations",
        "predictions",
        made_from=("interactions",),
        models=("recommender_model",),
        drifts=True,
        needs=("recommender", "customers"),
        description="Recommendations of the day, readable as ml.recommendations.",
        keys=("customer_id", "placement"),
        counted="customers",
        lists=("item_ids", "scores", "sources", "reason_codes", "reason_items"),
        numbers_of_items=("propensities",),
    ),
    Table(
        "segment_assignments",
        "predictions",
        made_from=("customer_features",),
        models=("segmentation_model", "customer_value_model"),
        needs=("segmentation",),
        description="Segments of the day, readable as ml.segment_assignments and ml.segments.",
        keys=("customer_id",),
        counted="customers",
        texts=("segment_key",),
        notes=("moved_from", "reason", "reason_measures"),
        numbers=("alive_probability", "expected_spend_90d"),
    ),
    Table(
        "similar_items",
        "predictions",
        made_from=("interactions",),
        models=("recommender_model",),
        needs=("recommender",),
        description="Similar items, readable as ml.similar_items.",
        keys=("item_id",),
        counted="items",
        lists=("item_ids", "scores"),
        # The smallest shops have no two items with enough buyers in common, and must not stay blocked for ever.
        may_start_empty=True,
    ),
    Table(
        "popular_items",
        "predictions",
        made_from=("interactions",),
        needs=("recommender",),
        description="Popular items, readable as ml.popular_items.",
        keys=("scope",),
        counted="scopes",
        lists=("item_ids", "scores"),
    ),
)

ARM_LISTS = Table(
    "arm_recommendations",
    "predictions",
    made_from=("interactions",),
    description="Lists made for arms of experiments, which ml.recommend shows to their customers.",
    keys=("customer_id", "placement", "arm"),
    counted="customers",
    lists=("item_ids", "scores", "sources", "reason_codes", "reason_items"),
    numbers_of_items=("propensities",),
)
"""Published where an experiment needs it; its age is judged with that of the recommendations."""

SUBJECTS: Mapping[str, Subject] = {row.name: row for row in _ROWS}
"""All of them by name. A model's subject is its kind in the registry and `_model`."""


def kinds_of_models(subjects: Mapping[str, Subject]) -> tuple[str, ...]:
    """The kinds of model in the registry."""
    return tuple(name.removesuffix("_model") for name, row in subjects.items() if row.kind == "model")


MODEL_KINDS = kinds_of_models(SUBJECTS)
PUBLISHED: Mapping[str, Table] = {row.name: row for row in (*_ROWS, ARM_LISTS) if isinstance(row, Table)}
"""Those that are released, the lists made for arms of experiments among them."""
