"""Reading YAML as people mean it: times of day stay times, and every complaint has its line.

Only the text of a file becomes values here; what they mean is up to the sections, which file it is up to `load.py`.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from ml_assets.errors import UserError

INT, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """Safe YAML 1.1 without numbers to the base of sixty: 22:00 is a time of day, not 1320."""

    yaml_implicit_resolvers = {  # noqa: RUF012 the library's own name and type
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (INT, FLOAT)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; what is shaped like a date or number and is none has its place in the complaint."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            text = str(node.value)[:40]
            raise yaml.constructor.ConstructorError(
                None, None, f"{text} is no value ({error})", node.start_mark
            ) from None


_Loader.add_implicit_resolver(
    INT, re.compile(r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(
        r"([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)"
        r"|\.(nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 it is a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{path} is not readable YAML{where}: {error.problem}.", "Mend that line.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML: {error}.", "Save it as UTF-8 text.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply to be settings.", "Take the brackets out.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Mend its permissions.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"The settings file {path} must hold keys and values.", "Start with, e.g., `timezone: UTC`.")
    if odd := [key for key in values if not isinstance(key, str)]:
        raise UserError(f"{path}: the key {odd[0]!r} is no word.", "Put it in quotes, or mend it.")
    return values
