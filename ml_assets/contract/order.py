"""The files of views and functions, in the order of their needs.

Reading them and `order.txt` belongs here; which of them a database lacks is asked in `objects.py`.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from ml_assets.contract.files import fill, fill_words, read_files
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError

# What only the settings know (`shop_tables.py`). Without them such an object stays as it is.
FROM_SETTINGS = ("unavailable_in_the_shop", "bought_in_the_shop")


@dataclass(frozen=True)
class SqlObject:
    """One file with a view or function, the comments and grants it has, and the triggers that call it.

    `values` are its own placeholders, where one file makes several objects; they may hold names and types themselves.
    """

    name: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Of the file, below `contract/`, without the ending."""
        return self.name.partition(" ")[0]

    @property
    def made(self) -> str:
        """The view or function that it makes."""
        return _named(self.values) or self.path.rpartition("/")[2]

    @property
    def needs_settings(self) -> bool:
        """Whether a part of it comes from the settings."""
        return any(f":{word}" in self.text for word in FROM_SETTINGS)

    def sql(self, schemas: Schemas, values: Mapping[str, str]) -> str:
        """The text with everything filled in."""
        return fill(
            self.path, fill_words(self.text, self.values), schemas, {**dict.fromkeys(FROM_SETTINGS, ""), **values}
        )


def delivered_objects() -> list[SqlObject]:
    """The files of the installed package in the order of `order.txt`."""
    texts = {f"{folder}/{name}": text for folder in ("functions", "views") for name, text in read_files(folder).items()}
    order = (resources.files("ml_assets.contract") / "order.txt").read_text(encoding="utf-8")
    return in_order(order, texts)


def in_order(order: str, texts: Mapping[str, str]) -> list[SqlObject]:
    """Objects as the lines of an order say: a path, and values of placeholders after it; texts by path.

    Raises `UserError` for a line that names no file, and for a file that no line names.
    """
    objects = []
    for number, line in enumerate(order.splitlines(), start=1):
        try:
            path, *values = shlex.split(line, comments=True) or [""]
            pairs = dict(value.split("=", 1) for value in values)
        except ValueError as error:
            raise _wrong_order(f"line {number} ({line}) is no path with word=value after it") from error
        if path and path not in texts:
            raise _wrong_order(f"line {number} names {path}, but there is no such file")
        if path:
            name = f"{path} ({_named(pairs)})" if _named(pairs) else path
            objects.append(SqlObject(name, texts[path], pairs))
    named = [each.name for each in objects]
    if twice := [name for name in named if named.count(name) > 1]:
        raise _wrong_order(f"{twice[0]} stands there twice")
    if unordered := set(texts) - {each.path for each in objects}:
        raise _wrong_order(f"no line names {', '.join(sorted(unordered))}")
    return objects


def _named(values: Mapping[str, str]) -> str | None:
    """The view or function that these placeholders name."""
    return values.get("view") or values.get("function")


def _wrong_order(problem: str) -> UserError:
    return UserError(
        f"ml_assets/contract/order.txt: {problem}.",
        "It names each file of views/ and functions/ once, after what it reads.",
        code="contract.wrong",
    )
