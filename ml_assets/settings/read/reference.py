"""The reference of all settings, written from the typed model: `python -m ml_assets.settings.read.reference docs`.

It makes docs/settings.md for people and docs/ml_assets.schema.json for editors; a test holds both to the model.
"""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ml_assets.settings.durations import plain_duration
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import KINDS

INTRODUCTION = """# Settings

Every key is optional. Settings come from one YAML file (`--config FILE`, else the variable `ML_ASSETS_CONFIG`, else
`ml_assets.yaml` in the current folder) and from the environment, which wins: `ML_ASSETS_` and the key in capitals,
with `__` between the parts (`ML_ASSETS_SOURCE__REPLAY=false`). Unknown keys and bad values are refused with the
key's path. `DATABASE_URL` and libpq's `PGHOST` or `PGSERVICE` name the database as everywhere. Each of these variables
may be given as a file, named by the variable with `_FILE` behind it ([security.md](security.md#secrets)).

Editors check and complete the file with its schema; put this line first:

```yaml
# yaml-language-server: $schema=docs/ml_assets.schema.json
```

| key | default | meaning |
|---|---|---|
"""


def markdown() -> str:
    """The table of all keys."""
    rows = [f"| `{key}` | {default} | {text} |" for key, default, text in _rows(Settings, "")]
    return INTRODUCTION + "\n".join(rows) + "\n"


def json_schema() -> str:
    """The JSON Schema of the YAML file."""
    return json.dumps(Settings.model_json_schema(), indent=2) + "\n"


def write(folder: Path) -> None:
    """Write both files."""
    (folder / "settings.md").write_text(markdown(), encoding="utf-8")
    (folder / "ml_assets.schema.json").write_text(json_schema(), encoding="utf-8")


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if name == "source":
            for kind, section_of_kind in KINDS.items():
                yield from _rows(section_of_kind, f"source({kind}).")
            continue
        section = _section(field)
        if section is not None:
            yield from _rows_with_defaults(section, f"{prefix}{name}.", field)
        else:
            yield f"{prefix}{name}", _default(field), _meaning(name, field)
            if may_be := _section_or_nothing(field):
                yield from _rows(may_be, f"{prefix}{name}.")


def _rows_with_defaults(section: type[BaseModel], prefix: str, field: FieldInfo) -> Iterator[tuple[str, str, str]]:
    """The keys of a section; where the section's default sets a required key, that is the default shown."""
    for key, default, text in _rows(section, prefix):
        name = key.removeprefix(prefix)
        value = getattr(field.default, name, None) if default == "required" else None
        yield key, default if value is None else f"`{_plain(value)}`", text


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _section_or_nothing(field: FieldInfo) -> type[BaseModel] | None:
    """The section of a key that is unset where the shop does without."""
    kinds = [kind for kind in get_args(field.annotation) if isinstance(kind, type)]
    is_optional = NoneType in kinds and len(kinds) == len(get_args(field.annotation))
    sections = [kind for kind in kinds if issubclass(kind, BaseModel)]
    return sections[0] if is_optional and len(sections) == 1 else None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, ""):
        return "unset"
    return f"`{_plain(field.default)}`"


def _plain(value: object) -> str:
    if isinstance(value, timedelta):
        return plain_duration(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meaning(name: str, field: FieldInfo) -> str:
    if name == "kind":
        return "Which source the section describes."
    allowed = [value for value in _literals(field.annotation) if value is not None]
    choice = f" One of: {', '.join(map(str, allowed))}." if allowed else ""
    return f"{field.description or ''}{choice}".replace("|", "\\|")


def _literals(annotation: Any) -> list[Any]:
    arguments = [item for item in get_args(annotation) if item is not NoneType]
    return arguments if str(get_origin(annotation)) == "typing.Literal" else []


if __name__ == "__main__":
    write(Path(sys.argv[1]))
