"""What the ids of a shop's customers and items are made of: integers or text, settled when it is set up."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

IdType = Literal["bigint", "text"]


@dataclass(frozen=True)
class IdTypes:
    """PostgreSQL's types of both."""

    customer: IdType
    item: IdType


def polars_type(id_type: IdType) -> pl.DataType:
    """The frame type of an identifier."""
    return pl.Int64() if id_type == "bigint" else pl.String()
