"""The methods that can fill a list, one row each: what a shop can choose from, and what the choice is made with.

What holds for a single method is written in its row, and every list of methods elsewhere is made from these rows. Its
formula and its parameters belong to its own module. The table stands below the settings, which refuse other names; so
it names the classes and imports none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PERSONAL, NEIGHBOURS, COLLABORATIVE, CATEGORY, POPULAR = TIERS = (
    "personal",
    "neighbours",
    "collaborative",
    "popular_in_category",
    "popular",
)
"""Where an item of a list can come from: the words in `ml.recommendations.source`."""

Need = Literal["shared_items", "repeats"]
"""What data may lack: customers with several orders and items in common, or items bought again."""


@dataclass(frozen=True)
class MethodRow:
    """A way to fill lists."""

    name: str
    words: str
    """How a sentence calls it."""
    complexity: int
    """Of methods that are about equally good the least complex is chosen; of equally complex ones the first row."""
    needs: Need | None = None
    """What switches it off where the shop's data do not have it."""


@dataclass(frozen=True, kw_only=True)
class Source(MethodRow):
    """A recommender: it offers candidates and scores, alone or to a combination."""

    made_by: str
    """Its class, `module:Class` in `ml_assets.models.recommenders`."""
    tier: str
    repeats: bool
    """Whether it is asked for what customers bought before, beside what is new to them."""
    is_quick: bool = False
    """Whether it competes where the effort is quick."""
    is_combined: bool = True
    """Whether combinations hear it; what others say as well costs them more than it tells."""
    grid: tuple[Mapping[str, Any], ...] = ()
    """Parameters worth trying beside the defaults, most promising first."""
    preset: Mapping[str, Any] = field(default_factory=dict)
    """Parameters in which it differs from its class's defaults."""
    from_settings: Mapping[str, str] = field(default_factory=dict)
    """Parameters that the shop sets, by the key below `recommender`."""


_ROWS = (
    Source(
        "popularity",
        "best-sellers",
        1,
        made_by="popularity:Popularity",
        tier=POPULAR,
        repeats=True,
        from_settings={"days": "popularity_days"},
    ),
    Source(
        "decayed_popularity",
        "recent best-sellers",
        2,
        made_by="popularity:DecayedPopularity",
        tier=POPULAR,
        repeats=True,
        grid=({"half_life_days": 5.0},),
    ),
    Source(
        "newcomers",
        "items that win new buyers",
        2,
        made_by="popularity:Newcomers",
        tier=POPULAR,
        repeats=False,
    ),
    Source(
        "category_popularity",
        "popularity in the customer's categories",
        2,
        made_by="popularity:CategoryPopularity",
        tier=CATEGORY,
        repeats=False,
    ),
    Source(
        "personal_frequency",
        "what each customer buys most often",
        1,
        made_by="frequency:PersonalFrequency",
        tier=PERSONAL,
        repeats=True,
    ),
    Source(
        "recent_frequency",
        "what each customer bought in the last weeks",
        4,
        made_by="frequency:DecayedFrequency",
        tier=PERSONAL,
        repeats=True,
        preset={"half_life_days": 30.0},
    ),
    Source(
        "decayed_frequency",
        "what each customer buys often and lately",
        3,
        made_by="frequency:DecayedFrequency",
        tier=PERSONAL,
        repeats=True,
        is_quick=True,
        preset={"repeat_rate": 0.3},
        grid=({"half_life_days": 180.0}, {"half_life_days": 45.0}),
    ),
    Source(
        "long_frequency",
        "what each customer buys often over the months",
        4,
        made_by="frequency:DecayedFrequency",
        tier=PERSONAL,
        repeats=True,
        preset={"half_life_days": 240.0},
    ),
    Source(
        "personal_blend",
        "personal frequency informed by similar customers",
        5,
        "repeats",
        made_by="blend:PersonalBlend",
        tier=NEIGHBOURS,
        repeats=True,
        is_quick=True,
        grid=({"repeat_rate": 0.3}, {"repeat_rate": 0.3, "frequency": 1.0}, {"half_life_days": 180.0}),
    ),
    Source(
        "tifu_knn",
        "TIFU-kNN",
        5,
        "repeats",
        made_by="tifu:TifuKnn",
        tier=NEIGHBOURS,
        repeats=True,
        is_combined=False,
        grid=({"alpha": 0.5}, {"r_group": 0.9}),
    ),
    Source(
        "up_cf",
        "UP-CF@r",
        5,
        "repeats",
        made_by="up_cf:UpCf",
        tier=NEIGHBOURS,
        repeats=True,
        is_combined=False,
        grid=({"locality": 5}, {"recent": 100}),
    ),
    Source(
        "user_knn",
        "user-kNN",
        7,
        made_by="user_knn:UserKnn",
        tier=NEIGHBOURS,
        repeats=False,
        is_quick=True,
        grid=({"recent_half_life_days": 90.0},),
    ),
    Source(
        "item_knn",
        "item-kNN",
        6,
        made_by="similarity:ItemSimilarity",
        tier=COLLABORATIVE,
        repeats=False,
        from_settings={"min_item_buyers": "min_item_buyers"},
    ),
    Source(
        "ease",
        "EASE",
        9,
        "shared_items",
        made_by="ease:Ease",
        tier=COLLABORATIVE,
        repeats=False,
        is_quick=True,
        grid=({"regularisation": 2.0}, {"regularisation": 15.0}),
        from_settings={"min_item_buyers": "min_item_buyers", "max_items": "max_model_items"},
    ),
    Source(
        "factorisation",
        "matrix factorisation",
        8,
        "shared_items",
        made_by="factorisation:Factorisation",
        tier=COLLABORATIVE,
        repeats=False,
        grid=({"factors": 32},),
        from_settings={"seed": "seed"},
    ),
    # Combinations of those above; their classes are in `ranking/`.
    MethodRow("fusion", "the fusion of all methods", 10, "shared_items"),
    MethodRow("ranker", "the learned ranker", 11, "shared_items"),
)

METHODS: Mapping[str, MethodRow] = {row.name: row for row in _ROWS}
"""All of them by name."""
SOURCES: Mapping[str, Source] = {row.name: row for row in _ROWS if isinstance(row, Source)}
"""The recommenders."""
BEST_SELLERS = tuple(name for name, source in SOURCES.items() if source.tier == POPULAR)
"""Those that show everybody the same."""

NOT_MADE = "not_made"
"""What the registry has for the method of a list that the shop cannot have: promoted is that there is none."""
