"""What stands on orders and is no goods: postage, fees, discounts. Nobody wants it recommended."""

from collections.abc import Iterable

import polars as pl

from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.names import words_of

# A name made of these words alone, one of them from the first group, is no goods.
SERVICES = {
    "postage", "shipping", "delivery", "freight", "carriage", "handling", "surcharge", "fee", "fees", "charge",
    "charges",
    "discount", "rebate", "coupon", "commission", "deposit", "deposits", "tip", "tips", "tax", "vat", "rounding",
    "adjustment", "adjust", "manual", "samples", "versand", "versandkosten", "porto", "rabatt", "gutschein", "pfand",
    "livraison", "remise", "envio", "descuento", "spedizione", "sconto", "verzendkosten",
}  # fmt: skip
BESIDE = {
    "bank", "amazon", "ebay", "paypal", "card", "credit", "service", "standard", "express", "next", "day", "free",
    "dotcom",
    "online", "order", "cost", "costs", "bottle", "can", "gift", "bad", "debt", "international", "domestic", "uk", "us",
    "eu", "and", "the", "for", "of", "on", "a", "by", "mail", "cruk", "courier", "ups", "dhl", "fedex", "royal",
}  # fmt: skip
MOST = 40


def services_among(items: pl.DataFrame) -> list[str]:
    """The ids of what is no goods by its name; `items` as a source gives them."""
    named = items.drop_nulls("item_name").select(pl.col("item_id").cast(pl.String), "item_name")
    return [item for item, name in named.iter_rows() if _is_service(words_of(name))]


def without(condition: str | None, item: str, services: Iterable[str]) -> str:
    """A condition for source.where that leaves services out."""
    listed = ", ".join("'" + service.replace("'", "''") + "'" for service in services)
    column = quoted(item)
    goods = f"({column} IS NULL OR {column} NOT IN ({listed}))"
    return f"({condition}) AND {goods}" if condition else goods


def _is_service(words: tuple[str, ...]) -> bool:
    known = set(words)
    return bool(known & SERVICES) and known <= SERVICES | BESIDE
