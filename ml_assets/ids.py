"""What the ids of a shop's customers and items are made of: integers or text, settled when it is set up."""

from dataclasses import dataclass
from typing import Literal

IdType = Literal["bigint", "text"]


@dataclass(frozen=True)
class IdTypes:
    """PostgreSQL's types of both."""

    customer: IdType
    item: IdType
