"""A list beside the shop's lines, such as who opted out: some columns of a table, as text."""

import polars as pl
from psycopg import sql

from ml_assets.settings.source import PostgresSource
from ml_assets.sources.postgres.connection import ShopDatabase
from ml_assets.sources.postgres.query import named, relation, value_of


def read_list(source: PostgresSource, fallback: str | None, texts: dict[str, str]) -> pl.DataFrame:
    """Columns or expressions, by setting, of the table of `source`; they go by their text. Raises `UserError`."""
    database, table = ShopDatabase(source, fallback), relation(source.table)
    have = database.types(sql.SQL("SELECT * FROM {}").format(table))
    values = {text: value_of(at, text, table, have, database.types).as_text() for at, text in texts.items()}
    return database.frame(sql.SQL("SELECT {} FROM {}").format(named(values), table))
