"""The SQL files of the contract: finding them, and filling in names and types.

How placeholders are written belongs here; which file is applied when is in `migrate.py` and `objects.py`. Placeholders
are psql's, so that a file can be tried there: `:"meta"` is a quoted name, `:item_id_type` stands for itself.
"""

import re
from collections.abc import Mapping
from importlib import resources

from psycopg import sql

from ml_assets.database.names import Schemas
from ml_assets.errors import UserError

NAME = re.compile(r':"(\w+)"')


def read_files(folder: str) -> dict[str, str]:
    """The SQL files of a folder of the installed package, by name without the ending, in order."""
    found = [file for file in (resources.files("ml_assets.contract") / folder).iterdir() if file.name.endswith(".sql")]
    return {file.name[:-4]: file.read_text(encoding="utf-8") for file in sorted(found, key=lambda file: file.name)}


def fill(name: str, text: str, schemas: Schemas, values: Mapping[str, str]) -> str:
    """A file's text with quoted names of schemas and roles, and the values, in place of their words.

    Raises `UserError` that names the file and line of a word which stands for nothing.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if unknown := [word for word in NAME.findall(line) if word not in schemas.names]:
            raise UserError(
                f'ml_assets/contract/{name}.sql, line {number}: :"{unknown[0]}" stands for nothing.',
                f"Mend the file; the names are {', '.join(schemas.names)}.",
                code="contract.wrong",
            )
    named = NAME.sub(lambda found: sql.Identifier(schemas.names[found[1]]).as_string(), text)
    return fill_words(named, values)


def fill_words(text: str, values: Mapping[str, str]) -> str:
    """A text with the values in place of their words."""
    words = "|".join(values) or "(?!)"
    return re.sub(rf"(?<!:):({words})\b", lambda found: values[found[1]], text)
