"""Finding and reading the settings of a shop: the YAML file, the environment, and errors that name the key.

What can be set is in `settings/`. The file is the first of: the argument (`--config`), `ML_ASSETS_CONFIG`, and
`ml_assets.yaml` in the current folder.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from ml_assets.errors import UserError
from ml_assets.secret_files import read_secret_files
from ml_assets.settings.read.complaints import explain
from ml_assets.settings.read.yaml_file import read_yaml
from ml_assets.settings.shop import Settings

CONFIG_FILE = "ml_assets.yaml"
CONFIG_VARIABLE = "ML_ASSETS_CONFIG"
PREFIX = "ML_ASSETS_"


def load_settings(config: Path | None = None) -> Settings:
    """The settings of the shop, with relative paths made absolute.

    Variables that NAME_FILE stands for are set in this process, because libraries read them there too.

    Raises `UserError` that names the file or variable, the key's path and what is allowed.
    """
    read_secret_files(os.environ)
    path = find_config(config)
    values = read_yaml(path) if path else {}
    _refuse_unknown_variables()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise explain(error, path) from None
    except ValueError as error:
        # pydantic-settings reports an unreadable nested variable with the variable's field only.
        raise UserError(
            f"An {PREFIX}... variable cannot be read: {error}.", "Give nested values as JSON.", code="settings.wrong"
        ) from None
    return _anchored(settings, path.parent if path else Path.cwd())


def find_config(config: Path | None) -> Path | None:
    """The absolute path of the YAML file in force, or None where there is none."""
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise UserError(
                f"The settings file {named} does not exist.",
                f"Check --config or the variable {CONFIG_VARIABLE}.",
                code="settings.wrong",
            )
        return named.resolve()
    here = Path(CONFIG_FILE).resolve()
    return here if here.is_file() else None


def _refuse_unknown_variables() -> None:
    """pydantic-settings ignores variables it does not know; a typing error would be silently without effect."""
    known = {name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            first = variable.removeprefix(PREFIX).split("__")[0].upper()
            if first not in known:
                allowed = ", ".join(sorted(PREFIX + name for name in known))
                raise UserError(
                    f"The variable {variable} is no setting.", f"Allowed: {allowed}.", code="settings.wrong"
                )


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Relative paths start at the folder of the settings file."""
    changes: dict[str, Any] = {"home": folder / settings.home.expanduser()}
    if settings.lake and "://" not in settings.lake:
        changes["lake"] = str(folder / Path(settings.lake).expanduser())
    source = settings.source
    paths = {key: _absolute(getattr(source, key), folder) for key in source.paths}
    changes["source"] = source.model_copy(update=paths)
    if listed := settings.opt_outs:
        at = {key: _absolute(getattr(listed, key), folder) for key in ("files", "database")}
        changes["opt_outs"] = listed.model_copy(update=at)
    if settings.database_url is None:
        changes["database_url"] = _database_url()
    return settings.model_copy(update=changes)


def _absolute(path: str | None, folder: Path) -> str | None:
    if path is None or "://" in path:
        return path
    return str(folder / Path(path).expanduser())


def _database_url() -> SecretStr | None:
    """DATABASE_URL, or libpq's own variables, else None (embedded)."""
    if url := os.environ.get("DATABASE_URL"):
        return SecretStr(url)
    if os.environ.get("PGHOST") or os.environ.get("PGSERVICE"):
        return SecretStr("postgresql://")
    return None
