"""The names of everything the project owns in a database, and SQL written with them.

Names belong here; what the objects are is in `contract/`. Several shops may share one database: each has its own
three schemas and four roles, prefixed with the shop's name.
"""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql


def partition_name(subject: str, release_id: int) -> str:
    """The table of one release."""
    return f"{subject}_{release_id}"


@dataclass(frozen=True)
class Schemas:
    """Schemas and roles of one shop; `prefix` is the `name` setting, empty for a single shop."""

    prefix: str = ""

    @property
    def ml(self) -> str:
        """The contract: views and functions that applications read."""
        return self._named("ml")

    @property
    def store(self) -> str:
        """The physical tables behind the contract."""
        return self._named("ml_store")

    @property
    def meta(self) -> str:
        """Book-keeping: releases, models, freshness, migrations."""
        return self._named("ml_meta")

    @property
    def owner(self) -> str:
        """The role that owns everything, and that nobody logs in as."""
        return self._named("ml_owner")

    @property
    def reader(self) -> str:
        """The role that may read the contract."""
        return self._named("ml_reader")

    @property
    def writer(self) -> str:
        """The role that may publish."""
        return self._named("ml_writer")

    @property
    def merchandiser(self) -> str:
        """The role that may edit the rules of reading."""
        return self._named("ml_merchandiser")

    @property
    def exposure(self) -> str:
        """The role that may tell what was shown."""
        return self._named("ml_exposure")

    @property
    def names(self) -> dict[str, str]:
        """All names, by the words that SQL files and queries use for them."""
        words = ("ml", "store", "meta", "owner", "reader", "writer", "merchandiser", "exposure")
        return {word: getattr(self, word) for word in words}

    def sql(self, text: LiteralString, **parts: sql.Composable) -> sql.Composed:
        """A query with the schemas `{ml}`, `{store}`, `{meta}`, the roles `{owner}`, `{reader}`, `{writer}`,
        `{merchandiser}`, `{exposure}`, and further parts quoted into it.
        """
        names = {word: sql.Identifier(name) for word, name in self.names.items()}
        return sql.SQL(text).format(**names, **parts)

    def _named(self, word: str) -> str:
        return f"{self.prefix}_{word}" if self.prefix else word
