"""What columns are called: names in use for each field, and the words that such names are made of.

Only names are judged here; whether the values fit is judged in `columns.py`.
"""

import re
from dataclasses import dataclass

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
        "orderid", "order", "invoiceno", "invoiceid", "invoice", "basketid", "basket", "transactionid", "transaction",
        "receiptid", "receipt", "ordernumber", "orderno", "ticketid", "cartid", "bestellnummer", "sessionid",
    ),
    "event_type": ("eventtype", "event", "eventname", "action", "behavior", "behaviour", "type", "interaction",
                   "orderstatus", "status", "orderstate"),
    "item_name": (
        "itemname", "productname", "name", "title", "description", "productdescription", "itemdescription",
        "productdesc", "bezeichnung",
    ),
    "item_category": (
        "itemcategory", "productcategory", "category", "department", "productgroup", "genre", "kategorie",
    ),
}  # fmt: skip
LINE_COSTS = ("linecost", "totalcost", "costtotal", "costamount", "extendedcost", "cogs", "costofgoods",
              "costofgoodssold", "cost", "wareneinsatz", "coste", "costo")  # fmt: skip
UNIT_COSTS = ("unitcost", "costprice", "costperitem", "costperunit", "itemcost", "productcost", "costeach", "buyprice",
              "purchaseprice", "buyingprice", "wholesaleprice", "averagecost", "avgcost", "standardcost", "landedcost",
              "einkaufspreis", "ekpreis")  # fmt: skip
UNIT_PRICES = ("unitprice", "price", "itemprice", "priceperunit", "stueckpreis", "einzelpreis", "preis")

IDS = (
    "",
    "id",
    "ids",
    "no",
    "nr",
    "num",
    "number",
    "nummer",
    "key",
    "code",
    "ref",
    "reference",
    "hash",
    "token",
    "uid",
)
"""What says that a name stands for an id."""
TITLES = ("name", "title", "description", "desc", "label", "bezeichnung", "titel", "nombre", "nom")
CUSTOMERS = ("customer", "cust", "member", "client", "user", "buyer", "shopper", "household", "visitor", "kunde",
             "kunden", "cliente", "consumer", "guest", "loyalty", "card", "account", "person", "patron")  # fmt: skip
ITEMS = ("item", "product", "prod", "article", "artikel", "sku", "stock", "book", "movie", "film", "track", "song",
         "game", "goods", "material", "variant", "produkt", "producto", "produit", "service", "recipe")  # fmt: skip
ORDERS = ("order", "invoice", "receipt", "basket", "transaction", "ticket", "cart", "check", "bill", "bon", "sale",
          "purchase", "bestellung", "rechnung", "pedido", "commande")  # fmt: skip
MOMENTS = ("date", "time", "datetime", "timestamp", "at", "ts", "on", "day", "datum", "zeit", "fecha")
# Words beside a moment, the nearest to the purchase first; the others are of something that came later.
BOUGHT = ("order", "ordered", "purchase", "purchased", "invoice", "transaction", "sale", "sold", "sales", "event",
          "paid", "payment", "basket", "receipt", "created", "occurred")  # fmt: skip
LATER = ("ship", "shipped", "shipping", "delivery", "delivered", "due", "required", "updated", "modified", "posted",
         "estimated", "approved", "carrier", "end", "expires")  # fmt: skip
PIECES = ("quantity", "qty", "units", "pieces", "menge", "anzahl", "cantidad")
MONEY = ("amount", "total", "revenue", "sales", "spend", "spent", "turnover", "umsatz", "betrag", "importe", "paid")


@dataclass(frozen=True)
class Words:
    """Names that are made of a word of `of`, at most, and of words of `beside`, the likeliest first."""

    of: tuple[str, ...]
    beside: tuple[str, ...]

    def rank(self, words: tuple[str, ...]) -> int | None:
        """How unlikely a name of these words is; None where it has others."""
        rest = [word for word in words if word not in self.of]
        if len(rest) == len(words) or any(word not in self.beside for word in rest):
            return None
        return max((self.beside.index(word) for word in rest), default=0)


WORDS: dict[str, tuple[Words, ...]] = {
    "customer": (Words(CUSTOMERS, (*IDS, "email", "mail", "phone", "full", *TITLES)),),
    "item": (Words(ITEMS, (*IDS, "short", "full", *TITLES)),),
    "time": (Words(MOMENTS, (*BOUGHT, "", "utc", "local", *LATER)),),
    "quantity": (Words(PIECES, ("", *ITEMS, *ORDERS, "ordered", "sold", "line")),),
    "amount": (Words(MONEY, ("", "net", "line", *ITEMS, *ORDERS, "value", "price", "gross", "usd", "eur", "gbp")),),
    "order": (Words(ORDERS, IDS),),
    "item_name": (Words(ITEMS, ("short", "full", *TITLES)), Words(TITLES, ITEMS)),
    "item_category": (Words(("category", "kategorie", "department", "categoria"), (*ITEMS, "main", *TITLES)),),
}


def plain(name: str) -> str:
    """A column's name without capitals, blanks and signs."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name in small letters: itemDescription, Item_description and `item description` alike."""
    parts = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", name)
    return tuple(re.findall(r"[a-z0-9]+", parts.lower()))


def rank(field: str, column: str) -> int | None:
    """How unlikely a column's name is for a field, the likeliest 0; None where the name says nothing of it."""
    if plain(column) in NAMES[field]:
        return NAMES[field].index(plain(column))
    ranks = [found for words in WORDS.get(field, ()) if (found := words.rank(words_of(column))) is not None]
    return len(NAMES[field]) + min(ranks) if ranks else None


def is_a_title(column: str) -> bool:
    """Whether a column is called what people read, and no id."""
    return bool(set(words_of(column)) & set(TITLES))


def is_of_later(column: str) -> bool:
    """Whether a time is by its name one after the purchase."""
    return bool(set(words_of(column)) & set(LATER))
