"""The shops that one Dagster runs, and how it finds them: for `ml-assets ui`."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_assets.database.connection import database_url
from ml_assets.errors import UserError
from ml_assets.settings.read.load import CONFIG_VARIABLE, find_config, load_settings
from ml_assets.settings.shop import Settings

LOCATION = {"module_name": "ml_assets.definitions", "location_name": "ml_assets"}


@dataclass(frozen=True)
class Workspace:
    """One shop or several, with the settings files that were named for them."""

    shops: Sequence[Settings]
    configs: Sequence[Path]

    @classmethod
    def of(cls, configs: Sequence[Path]) -> "Workspace":
        """The shops of settings files, or the one of this folder; raises `UserError` where they do not go together."""
        shops = [load_settings(config) for config in configs] or [load_settings()]
        if len({shop.name for shop in shops}) < len(shops):
            raise UserError(
                "Two of these shops have the same name.", "Set `name` in the settings of each.", code="settings.wrong"
            )
        if len(shops) > 1 and len({database_url(shop) for shop in shops}) > 1:
            raise UserError(
                "These shops have databases of their own, and Dagster keeps its history in one.",
                "Start `ml-assets ui` for each, with another --port, or give them one DATABASE_URL.",
                code="settings.wrong",
            )
        return cls(shops, configs)

    def write(self, home: Path) -> Path:
        """The file that tells Dagster where they are; one that lies in this folder goes before."""
        given = Path("workspace.yaml")
        if given.is_file() and not self.configs:
            return given
        file = home / "workspace.yaml"
        # JSON is YAML.
        file.write_text(json.dumps({"load_from": [{"python_module": one} for one in self._locations()]}), "utf-8")
        return file

    def environment(self) -> dict[str, str]:
        """Variables of Dagster's processes; several shops are known by their files alone."""
        if len(self.shops) > 1:
            return dict(os.environ)
        found = find_config(self.configs[0] if self.configs else None)
        named = {CONFIG_VARIABLE: str(found)} if found else {}
        return {**os.environ, "ML_ASSETS_HOME": str(self.shops[0].home), **named}

    def _locations(self) -> list[dict[str, str]]:
        if len(self.shops) == 1:
            return [LOCATION]
        named = zip(self.shops, self.configs, strict=True)
        return [
            {**LOCATION, "attribute": str(config.resolve()), "location_name": shop.name or LOCATION["location_name"]}
            for shop, config in named
        ]
