"""What the settings make of the lines of a source: where that changed, what was loaded means something else.

Only telling it belongs here; what is loaded again is decided by whoever runs days.
"""

from collections.abc import Mapping
from typing import Any

from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.sources.memory import SourceMemory

FACT = "reading"

# Where lines lie, and what is new at every load.
OF_SOURCE = {"kind", "events", "table", "database", "url", "statement_timeout", "updated_at"}
OF_SOURCE |= {"items", "item_columns", "orders"}
# Limits, and what is asked when features are built.
OF_EVENTS = {"max_quarantined", "allow_empty_days", "weights"}


def reading_of(settings: Settings) -> dict[str, Any]:
    """Every setting that decides what a line means, or whether it is kept, with its value."""
    source = _flat("source", settings.source.model_dump(mode="json", exclude=OF_SOURCE))
    events = _flat("events", settings.events.model_dump(mode="json", exclude=OF_EVENTS))
    return {"timezone": settings.timezone, **source, **events}


def mixed_reading(settings: Settings) -> str | None:
    """Why days in the lake mean something else than the settings say, as half a sentence; None where they do not."""
    before = SourceMemory(settings).recall(FACT)
    if before is None or not Lake.of(settings).partitions("transactions"):
        return None
    if not before:
        return "not all days were loaded again since the settings that read the source changed"
    changed = changed_settings(before, reading_of(settings))
    return f"{', '.join(changed)} changed since days were loaded" if changed else None


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The settings that changed; one that an older version did not have yet did not."""
    return [name for name, value in now.items() if name in before and before[name] != value]


def _flat(name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.items():
        found |= _flat(f"{name}.{key}", value) if isinstance(value, dict) else {f"{name}.{key}": value}
    return found
