"""What a source remembers between commands: the first day and the id types that it was first seen with.

Partitions and tables are built on these, so they must not change when the calendar or a later file does. One small
JSON file per shop in the home folder.
"""

import json
from typing import Any

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.whole_files import replacing


class SourceMemory:
    """Key-value facts in `<home>/source.json` (`<home>/source-<name>.json` for a named shop)."""

    def __init__(self, settings: Settings) -> None:
        suffix = f"-{settings.name}" if settings.name else ""
        self.path = settings.home / f"source{suffix}.json"

    def recall(self, key: str) -> Any:
        """The remembered value, or None."""
        return self._read().get(key)

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
        """Add facts, atomically."""
        known = self._read()
        with replacing(self.path, "Make the home folder writable, or set ML_ASSETS_HOME to another one.") as file:
            file.write(json.dumps({**known, **facts}, indent=2).encode())

    def _read(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {}
        try:
            known = json.loads(self.path.read_bytes())
        except ValueError as error:
            raise UserError(f"{self.path} is damaged: {error}.", "Delete it; it is written anew.") from None
        if not isinstance(known, dict):
            raise UserError(f"{self.path} is damaged: it holds no facts by name.", "Delete it; it is written anew.")
        return known
