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
BOUGHT = ("order", "ordered", "placed", "purchase", "purchased", "bought", "invoice", "invoiced", "transaction", "sale",
          "sold", "sales", "event", "paid", "payment", "basket", "receipt", "booked", "booking", "created", "occurred",
          "issued", "added", "add", "inserted")  # fmt: skip
LATER = ("ship", "shipped", "shipping", "delivery", "delivered", "due", "required", "updated", "update", "upd",
         "modified", "changed", "edited", "posted", "estimated", "approved", "carrier", "end", "synced", "loaded",
         "imported", "exported")  # fmt: skip
PAST = ("ordered", "placed", "purchased", "bought", "invoiced", "sold", "paid", "booked", "created", "occurred",
        "issued", "added", "inserted")  # fmt: skip
"""Words that say a moment without one of `MOMENTS` beside them."""
# What no purchase is: its end, and what is dated of a person or of goods. Beginnings of words, and words.
ENDS = ("delet", "cancel", "refund", "archiv", "expir", "storn", "voided", "removed", "returned", "rejected",
        "declined", "failed", "abandon", "discontinu", "birth", "geburt", "registered", "registration",
        "geloescht")  # fmt: skip
END_WORDS = ("dob", "born", "signup", "hired", "joined", "since", "until", "valid", "return", "void")
CHANGES = ("updatedat", "modifiedat", "changedat", "lastmodified", "lastupdated")
PIECES = ("quantity", "qty", "units", "pieces", "menge", "anzahl", "cantidad")
MONEY = ("amount", "total", "revenue", "sales", "spend", "spent", "turnover", "umsatz", "betrag", "importe", "paid")

NO_MONEY = ("cost", "costs", "tax", "vat", "discount", "rebate", "shipping", "freight", "postage", "fee", "fees", "tip",
            "rate", "rating", "score", "percent", "pct", "share", "margin", "balance", "budget", "credit", "points",
            "lat", "latitude", "lon", "lng", "longitude", "weight", "height", "width", "length", "size", "volume",
            "distance", "age", "steuer", "mwst", "rabatt", "gewicht")  # fmt: skip
CURRENCIES = ("dollar", "dollars", "euro", "euros", "usd", "eur", "gbp", "pounds", "chf")
COUNTED = ("number", "num", "nb", "no", "count", "anzahl")
"""Words before `of`: number_of_cds."""
UNCOUNTED = ("days", "visits", "reviews", "payments", "installments", "instalments", "months", "years", "weeks",
             "children", "customers", "orders", "stars", "sessions", "views")  # fmt: skip


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
    "amount": (
        Words(MONEY, ("", "net", "line", *ITEMS, *ORDERS, "value", "price", "gross", *CURRENCIES)),
        Words(CURRENCIES, ("value", "spent", "line", "net", "gross")),
    ),
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
    if field == "quantity" and _is_a_count(words_of(column)):
        return len(NAMES[field])
    ranks = [found for words in WORDS.get(field, ()) if (found := words.rank(words_of(column))) is not None]
    return len(NAMES[field]) + min(ranks) if ranks else None


def _is_a_count(words: tuple[str, ...]) -> bool:
    """Whether a name is like number_of_cds, and what is counted may be pieces."""
    return len(words) > 2 and words[0] in COUNTED and words[1] == "of" and not set(words) & set(UNCOUNTED)


def is_a_title(column: str) -> bool:
    """Whether a column is called what people read, and no id."""
    return bool(set(words_of(column)) & set(TITLES))


def is_a_price(column: str) -> bool:
    """Whether a name is one of what a piece costs."""
    return bool(set(words_of(column)) & {"price", "preis", "each", "precio", "prix"})


def is_no_money(column: str) -> bool:
    """Whether a name says that numbers with decimals are no money paid for goods."""
    return bool(set(words_of(column)) & set(NO_MONEY)) or plain(column) in (*LINE_COSTS, *UNIT_COSTS)


def is_of_later(column: str) -> bool:
    """Whether a time is by its name one after the purchase."""
    return bool(set(words_of(column)) & set(LATER)) or plain(column) in CHANGES


def rank_of_past(column: str) -> int | None:
    """How unlikely a name is that says that something was bought, or came to be, as `placed` does; None of others."""
    return min((PAST.index(word) for word in words_of(column) if word in PAST), default=None)


def is_past(column: str) -> bool:
    """Whether a name has such a word."""
    return rank_of_past(column) is not None


def is_end_or_birth(column: str) -> bool:
    """Whether a time is by its name that of an end, as of an order that was cancelled, or of a person's beginnings."""
    return bool(set(words_of(column)) & set(END_WORDS)) or any(word in plain(column) for word in ENDS)
