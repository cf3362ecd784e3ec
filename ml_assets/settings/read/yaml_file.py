"""Reading a YAML 1.2 file, where 22:00 is text and every complaint has its line.

Only the text of a file becomes values here; what they mean is up to the sections, which file it is up to `load.py`.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node

from ml_assets.errors import UserError


class _Constructor(SafeConstructor):
    def construct_object(self, node: Node, deep: bool = False) -> Any:
        """The value of a node; what is shaped like a date or number and is none has its place in the complaint."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, OverflowError) as error:
            raise ConstructorError(
                None, None, f"{str(node.value)[:40]} is no value ({error})", node.start_mark
            ) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        values = yaml.load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # The library repeats both values of a doubled key, and one may be a password.
        problem = str(error.problem).split(" with value ")[0]
        raise UserError(
            f"{path} is not readable YAML{where}: {problem}.", "Mend that line.", code="settings.wrong"
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not readable YAML: {error}.", "Save it as UTF-8 text.", code="settings.wrong"
        ) from None
    except RecursionError:
        raise UserError(
            f"{path} is nested too deeply to be settings.", "Take the brackets out.", code="settings.wrong"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}.", "Mend its permissions.", code="settings.wrong"
        ) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(
            f"The settings file {path} must hold keys and values.",
            "Start with, e.g., `timezone: UTC`.",
            code="settings.wrong",
        )
    if odd := [key for key in values if not isinstance(key, str)]:
        raise UserError(
            f"{path}: the key {odd[0]!r} is no word.", "Put it in quotes, or mend it.", code="settings.wrong"
        )
    return values
