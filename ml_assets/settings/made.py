"""What a shop makes: all subjects, or those that its data and its wishes leave.

A shop without items makes no recommendations, one without customers no lists and segments; what follows from that for
other keys of the settings belongs here. What each subject needs is in `subjects.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from ml_assets.settings.columns import NO_CUSTOMER, NO_ITEM
from ml_assets.settings.events import EventSettings
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import Placements, RecommenderSettings
from ml_assets.settings.section import Section
from ml_assets.settings.segmentation import SegmentationSettings
from ml_assets.subjects import SUBJECTS, Need, Subject

NO = ("false", "0", "no", "off", "n", "f")
WITHOUT_ITEMS = "Orders of this shop do not say what was bought (source.columns.item: null)."
WITHOUT_AMOUNTS = (
    "This shop has no amounts (source.columns.amount is not mapped): spend is not known, pieces are counted instead."
)
WITHOUT_CUSTOMERS = "This shop knows no customers (source.columns.customer: null)."


class Wishes(Protocol):
    """What of the settings decides what is made."""

    @property
    def source(self) -> Section: ...  # noqa: D102 sections of the settings
    @property
    def events(self) -> EventSettings: ...  # noqa: D102
    @property
    def recommender(self) -> RecommenderSettings: ...  # noqa: D102
    @property
    def segmentation(self) -> SegmentationSettings: ...  # noqa: D102


def deduced(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as given, with what follows from columns that are not there."""
    found = dict(values)
    columns = _of(_of(found.get("source"), "columns"), None)
    if "item" in columns and columns["item"] in (None, NO_ITEM):
        found["recommender"] = _with(found.get("recommender"), enabled=False)
    elif "item" not in columns and _is_off(found.get("recommender")) and _has_columns(found.get("source")):
        found["source"] = {**found["source"], "columns": {**columns, "item": None}}
    if "customer" in columns and columns["customer"] in (None, NO_CUSTOMER):
        found["segmentation"] = _with(found.get("segmentation"), enabled=False)
        found["events"] = _with(found.get("events"), guests="one_off")
        # Lists are of customers; what belongs to items is made without.
        unmade = {name: {"enabled": False} for name in Placements.model_fields}
        found["recommender"] = _with(found.get("recommender"), placements=unmade)
    return found


def why_impossible(settings: Wishes) -> str | None:
    """What the settings ask for and the columns cannot give."""
    if settings.recommender.enabled and not has_items(settings):
        return "recommender.enabled: nothing can be recommended without items; map source.columns.item, or take it out"
    if not has_customers(settings):
        if settings.segmentation.enabled:
            return "segmentation.enabled: nobody can be grouped; map source.columns.customer, or take it out"
        if settings.events.guests != "one_off":
            return (
                "events.guests: without source.columns.customer every order is a guest's; take it out, or set one_off"
            )
        if settings.recommender.enabled_placements:
            return "recommender.placements: lists are made for customers; map source.columns.customer, or take it out"
    if not settings.recommender.enabled and not settings.segmentation.enabled:
        return "recommender.enabled, segmentation.enabled: nothing would be made; switch one on"
    return None


def why_not_explored(exploration: ExplorationSettings, recommender: RecommenderSettings) -> str | None:
    """Why lists cannot explore as the settings ask."""
    where, made = "experiments.exploration", recommender.enabled_placements
    if exploration.epsilon == 0:
        return None
    if not made:
        return f"{where}: no lists are made; take it out"
    if unmade := [name for name in exploration.placements or () if name not in made]:
        return f"{where}.placements: {', '.join(unmade)} is not made (recommender.placements); take it out"
    if recommender.k < 2:
        return f"{where}: a list of one item has no lower half; set recommender.k to 2 or more, or epsilon to 0"
    if recommender.stored == recommender.k:
        return (
            f"{where}: nothing is stored behind the {recommender.k} items that are shown, so there is nothing to draw "
            "from; set recommender.stored above recommender.k"
        )
    return None


def has_items(settings: Wishes) -> bool:
    """Whether orders say what was bought."""
    return bool(_of(settings.source, "columns").get("item") != NO_ITEM)


def has_customers(settings: Wishes) -> bool:
    """Whether orders say who bought."""
    return bool(_of(settings.source, "columns").get("customer") != NO_CUSTOMER)


def has_amounts(settings: Wishes) -> bool:
    """Whether a column with what was paid is mapped; kinds of source without a mapping bring it."""
    columns = getattr(settings.source, "columns", None)
    return columns is None or columns.amount is not None


def subjects_made(settings: Wishes) -> dict[str, Subject]:
    """The subjects of a shop by name, in the order in which they are made."""
    lacks = lacking(settings)
    return {name: row for name, row in SUBJECTS.items() if not lacks.keys() & set(row.needs)}


def not_made(settings: Wishes) -> dict[str, str]:
    """The other subjects, each with the reason."""
    lacks = lacking(settings)
    return {
        name: next(lacks[need] for need in row.needs if need in lacks)
        for name, row in SUBJECTS.items()
        if lacks.keys() & set(row.needs)
    }


def switched_off(settings: Wishes) -> set[str]:
    """The subjects that are not made because nobody wants them, though the orders would do: others may make them."""
    needed: dict[Need, bool] = {
        "customers": has_customers(settings),
        "recommender": has_items(settings),
        "segmentation": has_customers(settings),
    }
    return {name for name in not_made(settings) if all(needed[need] for need in SUBJECTS[name].needs)}


def lacking(settings: Wishes) -> dict[Need, str]:
    """What a shop lacks or does not want, each with the reason."""
    found: dict[Need, str] = {}
    if not has_customers(settings):
        found["customers"] = WITHOUT_CUSTOMERS
    if not settings.recommender.enabled:
        found["recommender"] = "recommender.enabled is false." if has_items(settings) else WITHOUT_ITEMS
    if not settings.segmentation.enabled:
        found["segmentation"] = "segmentation.enabled is false." if has_customers(settings) else WITHOUT_CUSTOMERS
    return found


def _of(section: Any, key: str | None) -> dict[str, Any]:
    """A section, or what it has under a key, as a mapping of what was given."""
    found = section if key is None else section.get(key) if isinstance(section, dict) else getattr(section, key, None)
    if isinstance(found, BaseModel):
        return {name: getattr(found, name) for name in found.model_fields_set}
    return dict(found) if isinstance(found, dict) else {}


def _with(section: Any, **unless_given: Any) -> Any:
    """A section with values for keys that it does not have."""
    if isinstance(section, BaseModel):
        given = {name: getattr(section, name) for name in section.model_fields_set}
        return type(section).model_validate({**unless_given, **given})
    return {**unless_given, **section} if isinstance(section, dict) else section or unless_given


def _is_off(section: Any) -> bool:
    return str(_of(section, None).get("enabled", "")).lower() in NO


def _has_columns(source: Any) -> bool:
    return isinstance(source, dict) and source.get("kind") != "complete_journey" and bool(source.keys() - {"kind"})
