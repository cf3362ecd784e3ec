"""The catalogue of a shop's PostgreSQL: a table of items, or what the lines say of them."""

import polars as pl
from psycopg import sql

from ml_assets.ids import IdType, polars_type
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.base import empty_items
from ml_assets.sources.postgres.connection import ShopDatabase
from ml_assets.sources.postgres.query import Sql, Value, expression, named, relation


def read_catalogue(
    database: ShopDatabase, source: PostgresSource, item_type: IdType, lines: Sql, columns_of_lines: dict[str, str]
) -> pl.DataFrame:
    """The items' table, else names and categories that the lines carry, else nothing; columns as of every source."""
    columns, mapping = source.columns, source.item_columns
    if source.items:
        table = relation(source.items)
        have = database.types(sql.SQL("SELECT * FROM {}").format(table))
        texts = mapping.model_dump()
    elif columns.item_name or columns.item_category:
        table, have = lines, columns_of_lines
        texts = {"item": columns.item, "name": columns.item_name, "category": columns.item_category}
    else:
        return empty_items(item_type)
    value = {name: Value(expression(text, have), "") for name, text in texts.items() if text}
    nothing = sql.SQL("NULL::text")
    fields = {
        "item_id": value["item"].as_id(item_type),
        "item_name": value["name"].as_text() if "name" in value else nothing,
        "category": value["category"].as_text() if "category" in value else nothing,
        "brand": value["brand"].as_text() if "brand" in value else nothing,
        "available": sql.SQL("({})::boolean").format(value["available"].expression)
        if "available" in value
        else sql.SQL("NULL::boolean"),
    }
    # The most common last: a word such as `damaged?` on one line renames nothing.
    query = "SELECT {} FROM {} GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*), 1, 2, 3, 4, 5"
    found = database.frame(sql.SQL(query).format(named(fields), table))
    found = found.drop_nulls("item_id").cast({"item_id": polars_type(item_type)})
    return found.group_by("item_id").agg(pl.all().drop_nulls().last()).sort("item_id")
