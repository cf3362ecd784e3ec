"""A shop in a folder of its own, on a database of its own, for tests of the whole way."""

import os
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from ml_assets.cli import app as command
from ml_assets_tests.shop import write_shop

# The server takes any; it must not turn up anywhere.
PASSWORD = "s3cr3t-of-the-database"


class Shop:
    """A shop that commands run on."""

    def __init__(self, folder: Path, url: str, effort: str = "quick") -> None:
        self.config = write_shop(folder / "shop", effort=effort)
        self.home = self.config.parent / ".ml_assets"
        self.url = url

    def call(self, *arguments: str) -> int:
        """Run `ml-assets ...` on the shop."""
        before, sys.argv = sys.argv, ["ml-assets", *arguments, "--config", str(self.config)]
        try:
            return command.exit_code()
        finally:
            sys.argv = before

    def rows(self, query: str) -> list[Any]:
        """What an application reads."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def running_shop(
    embedded_url: str, folder: Path, name: str, *, tablespace: str = "pg_default", effort: str = "quick"
) -> Iterator[Shop]:
    """A shop in `folder` on the database `name`, which is dropped in the end; `effort` as in `write_shop`."""
    environment = dict(os.environ)
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TABLESPACE {tablespace}")
    os.environ["DATABASE_URL"] = url = embedded_url.replace("/postgres?", f"/{name}?password={PASSWORD}&")
    os.environ.pop("DAGSTER_HOME", None)
    with chdir(folder):
        yield Shop(folder, url, effort)
    os.environ.clear()
    os.environ.update(environment)
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
