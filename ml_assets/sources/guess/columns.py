"""Which column holds what, by its name and by its values.

Names say most; values decide between several and refuse what cannot be. Systems whose columns need more than that are
in `shapes.py`.
"""

from dataclasses import dataclass, replace

import polars as pl

from ml_assets.sources.columns import SIGNS, Reading
from ml_assets.sources.guess.shapes import plain, quoted
from ml_assets.sources.times import STYLES, UTC_TIME, read_times

# Per field of source.columns the names in use, the likeliest first.
NAMES: dict[str, tuple[str, ...]] = {
    "customer": (
        "customerid", "customer", "userid", "user", "clientid", "client", "buyerid", "buyer", "memberid", "member",
        "shopperid", "householdid", "household", "accountid", "visitorid", "customernumber", "customerno", "custid",
        "customerkey", "personid", "cardnumber", "loyaltyid", "kundennummer", "kundenid", "kunde", "clienteid",
        "customeremail", "useremail", "email", "phone", "uid", "who",
    ),
    "item": (
        "itemid", "item", "productid", "product", "sku", "stockcode", "articleid", "article", "variantid", "asin",
        "upc", "ean", "gtin", "isbn", "productcode", "itemcode", "itemnumber", "productkey", "articlenumber",
        "artikelnummer", "artikel", "movieid", "trackid", "songid", "bookid", "contentid", "pid", "what",
    ),
    "time": (
        "occurredat", "orderedat", "purchasedat", "soldat", "paidat", "createdat", "eventtime", "eventtimestamp",
        "timestamp", "orderdate", "invoicedate", "purchasedate", "transactiondate", "saledate", "salesdate",
        "transactiontimestamp", "ordertime", "datetime", "date", "time", "tdat", "bestelldatum", "datum", "fecha",
        "ts", "when", "day",
    ),
    "quantity": ("quantity", "qty", "units", "pieces", "count", "quantityordered", "qtyordered", "menge", "anzahl"),
    "amount": (
        "amount", "lineamount", "linetotal", "rowtotal", "lineitemtotal", "totalprice", "salesvalue", "sales",
        "revenue", "netamount", "paid", "total", "subtotal", "extendedprice", "betrag", "umsatz", "importe",
    ),
    "order": (
        "orderid", "order", "invoiceno", "invoiceid", "invoice", "basketid", "basket", "transactionid", "receiptid",
        "receipt", "ordernumber", "orderno", "ticketid", "cartid", "bestellnummer", "sessionid",
    ),
    "event_type": ("eventtype", "event", "eventname", "action", "behavior", "behaviour", "type", "interaction"),
    "item_name": (
        "itemname", "productname", "name", "title", "description", "productdescription", "itemdescription",
        "productdesc", "bezeichnung",
    ),
    "item_category": (
        "itemcategory", "productcategory", "category", "department", "productgroup", "genre", "kategorie",
    ),
}  # fmt: skip
UNIT_PRICES = ("unitprice", "price", "itemprice", "priceperunit", "stueckpreis", "einzelpreis", "preis")
REQUIRED = ("customer", "item", "time")
# What a look needs to be sure: values of a column that are as they should be.
ENOUGH = 0.8


@dataclass(frozen=True)
class Choice:
    """A column or an expression, and why it was taken."""

    text: str
    why: str


def guess_columns(sample: pl.DataFrame, reading: Reading) -> dict[str, Choice]:
    """Fields of source.columns found in some lines of a file, each column for one field at most."""
    found: dict[str, Choice] = {}
    for field, names in NAMES.items():
        taken = {choice.text for choice in found.values()}
        free = [column for column in sample.columns if column not in taken]
        named = sorted((names.index(plain(column)), column) for column in free if plain(column) in names)
        for _, column in named:
            if fits := _why_it_fits(field, sample[column], reading):
                found[field] = Choice(column, f"by its name; {fits}")
                break
        else:
            if field == "time" and (
                column := next((c for c in free if _share_of_times(sample[c], reading) >= 0.99), "")
            ):
                found[field] = Choice(column, "the first column whose values are all times")
    return found | _price_times_quantity(sample, found, reading)


def _price_times_quantity(sample: pl.DataFrame, found: dict[str, Choice], reading: Reading) -> dict[str, Choice]:
    """An amount where there are only prices of one piece."""
    prices = [column for column in sample.columns if plain(column) in UNIT_PRICES]
    if "amount" in found or not prices or not _why_it_fits("amount", sample[prices[0]], reading):
        return {}
    if "quantity" not in found:
        return {"amount": Choice(prices[0], "a price, and no quantity beside it")}
    text = f"{quoted(prices[0])} * {quoted(found['quantity'].text)}"
    return {"amount": Choice(text, "a price of one piece times the pieces")}


def _why_it_fits(field: str, values: pl.Series, reading: Reading) -> str:
    """What the values show, in words; nothing where they cannot be the field's."""
    frame, name = values.to_frame(), values.name
    kinds = frame.schema
    given = frame.select(reading.is_given(name, kinds))[name]
    if not given.any():
        return ""
    if field == "time":
        share = _share_of_times(values, reading)
        return f"{share:.0%} of its values are times" if share >= ENOUGH else ""
    if field in ("quantity", "amount"):
        either = (replace(reading, numbers=style).number(name, kinds) for style in SIGNS)
        share = _share(frame.select(pl.coalesce(either).is_not_null().alias(name))[name], given)
        return f"{share:.0%} of its values are numbers" if share >= ENOUGH else ""
    distinct = values.filter(given).n_unique()
    if field == "event_type" and distinct > max(50, 0.1 * len(values)):
        return ""
    return f"{int(given.sum()) / len(given):.0%} filled, {distinct:,} different in {len(values):,} lines"


def _share_of_times(values: pl.Series, reading: Reading) -> float:
    kinds = values.to_frame().schema
    if values.dtype.is_temporal():
        return 1.0
    texts = values.to_frame().select(reading.text(values.name))[values.name]
    if values.dtype.is_float() or kinds[values.name] == pl.Boolean:
        return 0.0
    read = pl.DataFrame([read_times(texts, style, "UTC").cast(UTC_TIME).alias(style) for style in STYLES])
    return _share(read.select(pl.any_horizontal(pl.all().is_not_null())).to_series(), texts.is_not_null())


def _share(good: pl.Series, given: pl.Series) -> float:
    return int((good & given).sum()) / max(int(given.sum()), 1)
