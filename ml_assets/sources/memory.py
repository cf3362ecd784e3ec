"""What a source remembers between commands: the first day and the id types that it was first seen with.

Partitions and tables are built on these, so they must not change when the calendar or a later file does. One small
JSON file per shop in the home folder. Where it is lost or damaged, the lake tells what was built on it; the rest is
found in the source again.
"""

import json
import logging
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.whole_files import replacing

log = logging.getLogger(__name__)
LINES = "transactions"


class SourceMemory:
    """Key-value facts in `<home>/source.json` (`<home>/source-<name>.json` for a named shop)."""

    def __init__(self, settings: Settings) -> None:
        suffix = f"-{settings.name}" if settings.name else ""
        self.path = settings.home / f"source{suffix}.json"
        self._lake = Lake.of(settings)

    def recall(self, key: str) -> Any:
        """The remembered value, or None."""
        return self._read()[0].get(key)

    def refuse_other(self, identity: str) -> None:
        """Refuse a home folder that holds the data of another source; writes nothing."""
        known = self.recall("source")
        if known is not None and known != identity:
            raise UserError(
                f"{self.path.parent} holds the shop read from {known}, but the settings now name {identity}.",
                "Give this shop a `name` or a `home` of its own; if it is the same shop and its files only moved, run "
                "`ml-assets run --accept-source` once.",
                code="shop.other",
            )

    def remember(self, **facts: Any) -> None:
        """Add facts, atomically; a damaged file is replaced."""
        known, damage = self._read()
        if damage:
            log.warning("%s", damage)
        with replacing(self.path, "Make the home folder writable, or set ML_ASSETS_HOME to another one.") as file:
            file.write(json.dumps({**known, **facts}, indent=2).encode())

    def damage(self) -> str | None:
        """What is wrong with the file and what becomes of it, in a sentence; None of a whole one, or of none."""
        return self._read()[1]

    def id_types(self, find: Callable[[], IdTypes]) -> IdTypes:
        """The id types as remembered, else those of the lines in the lake, else as found; then remembered."""
        known = self.recall("id_types")
        types = self.known_id_types() or find()
        if not known:
            self.remember(id_types={"customer": types.customer, "item": types.item})
        return types

    def known_id_types(self) -> IdTypes | None:
        """The id types as remembered, else those of the lines in the lake; None where nothing was settled yet."""
        known = self.recall("id_types")
        return IdTypes(**known) if known else self._loaded_id_types()

    def first_day(self, find: Callable[[], date]) -> date:
        """The first day as remembered, else the older of the lake's first and the found one; then remembered."""
        known = self.recall("first_day")
        if known:
            return date.fromisoformat(known)
        first = min([day for day in (self.oldest_loaded(), find()) if day])
        self.remember(first_day=first.isoformat())
        return first

    def oldest_loaded(self) -> date | None:
        """The oldest day in the lake."""
        days = self._lake.partitions(LINES)
        return date.fromisoformat(days[0]) if days else None

    def _loaded_id_types(self) -> IdTypes | None:
        for day in reversed(self._lake.partitions(LINES)):
            try:
                schema = self._lake.scan(LINES, [day]).collect_schema()
            except (pl.exceptions.PolarsError, UserError):
                continue  # a damaged file; another day tells it too
            types = ("bigint" if schema[column].is_integer() else "text" for column in ("customer_id", "item_id"))
            return IdTypes(*types)  # type: ignore[arg-type]
        return None

    def _read(self) -> tuple[dict[str, Any], str | None]:
        """The facts, and why there are none."""
        if not self.path.is_file():
            return {}, None
        try:
            known = json.loads(self.path.read_bytes())
        except ValueError as error:
            return {}, f"{self.path} is damaged ({error}); it is made again from the lake and the source"
        if not isinstance(known, dict):
            return {}, f"{self.path} is damaged (no facts by name); it is made again from the lake and the source"
        return known, None
