"""What is wrong with settings, as sentences that name the key, what it is and what it must be.

Only the wording belongs here; what is allowed is in `settings/`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import KINDS

# Kinds of complaints of pydantic, by how their names begin, longer ones first -> what is allowed.
ALLOWED = {
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "int_": "a whole number",
    "float_": "a number",
    "bool_": "true or false",
    "string_type": "text; put it in quotes",
    "string_too_short": "text of {min_length} characters or more",
    "string_too_long": "text of {max_length} characters or less",
    "list_type": "a list, such as [a, b]",
    "too_short": "a list of {min_length} or more",
    "dict_type": "a section with keys of its own",
    "model_": "a section with keys of its own",
    "date_": "a day, such as 2024-05-31",
    "time_delta_": "a length of time, such as 90s, 30h or 2d",
    "literal_error": "{expected}",
}
PATTERNS = {
    r"^([01]\d|2[0-3]):[0-5]\d$": "a time of day, such as 03:00",
    r"^([a-z][a-z0-9_]{0,30})?$": "small letters, digits and _, with a letter first, at most 31 in all",
}


def explain(error: ValidationError, path: Path | None) -> UserError:
    """Turn the first few complaints of pydantic into sentences with the key's path."""
    problems = [_complaint(item) for item in error.errors(include_url=False)[:5]]
    where = str(path) if path else "the environment"
    return UserError(
        f"Settings refused ({where}): " + "; ".join(problems) + ".",
        "Mend the key in the file or its ML_ASSETS_... variable; docs/settings.md lists every key.",
        code="settings.wrong",
    )


def _complaint(item: Mapping[str, Any]) -> str:
    parts = [str(part) for part in item["loc"]]
    if parts[:1] == ["source"]:
        # A discriminated union puts its tag into the location; nobody wrote that part.
        del parts[1:2]
    if parts[-1:] == ["[key]"]:
        return f"{'.'.join(parts[:-2])} has the key {item['input']!r}, but keys must be {_allowed(item)}"
    key = ".".join(parts)
    if item["type"] == "extra_forbidden":
        allowed = ", ".join(sorted(_keys_at(parts[:-1], item)))
        return f"{key} is not a setting (allowed here: {allowed})"
    if item["type"].startswith("union_tag"):
        return f"{key}.kind must be {' or '.join(KINDS)}"
    # What was given for a secret must not be repeated, however wrong it is.
    secret = parts[:1] == ["database_url"] or parts[:2] in (["alerts", "channels"], ["alerts", "heartbeat_url"])
    if item["type"] == "missing":
        return f"{key} is missing"
    if item["type"] in ("value_error", "assertion_error"):
        message = str(item["msg"]).removeprefix("Value error, ")
        # A rule about several sections names them itself. A country stays in capitals.
        sentence = message if message[:2].isupper() else f"{message[:1].lower()}{message[1:]}"
        return f"{key}: {sentence}" if key else message
    given = "" if secret or isinstance(item["input"], dict) else f" is {item['input']!r}, but"
    return f"{key}{given} must be {_allowed(item)}"


def _allowed(item: Mapping[str, Any]) -> str:
    """What a value must be, in words; in the library's own where none are known."""
    kind = str(item["type"])
    limits = {name: f"{value:g}" if isinstance(value, float) else value for name, value in item.get("ctx", {}).items()}
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(limits["pattern"]), f"text of the form {limits['pattern']}")
    for known, words in ALLOWED.items():
        if kind.startswith(known):
            return words.format(**limits)
    message = str(item["msg"])
    return message.removeprefix("Input should be ").removeprefix("Value should be ")


def _keys_at(parts: list[str], item: Mapping[str, Any]) -> list[str]:
    """The keys allowed in the section at a path; a union's section is found by the tag in the error's location."""
    model: Any = Settings
    for part in parts:
        if part == "source":
            model = KINDS[item["loc"][1]]
            continue
        field: FieldInfo | None = model.model_fields.get(part)
        if field is None or not hasattr(field.annotation, "model_fields"):
            return []
        model = field.annotation
    return list(model.model_fields)
