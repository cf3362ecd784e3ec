"""Exports of well-known systems, told by their headers, and what their columns mean.

Only what cannot be guessed from names and values belongs here. A shape fits where a file has all columns of its
`signature`; names are compared as `plain` makes them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.names import plain

# A column within a text of a shape.
COLUMN = r"\{([^}]+)\}"


@dataclass(frozen=True)
class Shape:
    """One system's export."""

    name: str
    signature: tuple[str, ...]
    """Names of columns that together no other system has."""
    columns: Mapping[str, str | tuple[str, ...]]
    """Fields of source.columns: a column or an SQL expression, with columns in braces; of several the first for which
    all columns are there."""
    source: Mapping[str, str] = field(default_factory=dict)
    """Other keys of source."""
    events: Mapping[str, object] = field(default_factory=dict)
    """Keys of events."""
    note: str = ""
    """What the owner should know."""


GA4_WEIGHTS = {
    "purchase": 1, "add_to_cart": 0.3, "add_to_wishlist": 0.3, "begin_checkout": 0.3, "add_shipping_info": 0.3,
    "add_payment_info": 0.3, "view_item": 0.1, "select_item": 0.1, "view_cart": 0, "remove_from_cart": 0,
    "view_item_list": 0, "view_promotion": 0, "select_promotion": 0,
}  # fmt: skip
"""Every recommended event of online sales that carries items; a kind that is not named would count as a purchase."""

SHAPES = (
    Shape(
        "a Shopify order export",
        ("Name", "Email", "Financial Status", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price"),
        {
            "customer": "{Email}",
            "item": ("coalesce({Lineitem sku}, {Lineitem name})", "{Lineitem name}"),
            "time": "{Created at}",
            "order": "{Name}",
            "quantity": "{Lineitem quantity}",
            "amount": "{Lineitem price} * {Lineitem quantity}",
            "event_type": "{Financial Status}",
            "item_name": "{Lineitem name}",
        },
        {"order_fields": "first_line"},
        {"return_types": ["refunded", "voided"]},
        "Customer, time and status stand on the first line of an order; refunded and voided orders are returns.",
    ),
    Shape(
        "a WooCommerce order export",
        (
            "order_item_id",
            "order_id",
            "product_id",
            "customer_id",
            "date_created",
            "product_qty",
            "product_net_revenue",
        ),
        {
            "customer": "nullif({customer_id}, '0')",
            "item": "{product_id}",
            "time": "{date_created}",
            "order": "{order_id}",
            "quantity": "{product_qty}",
            "amount": "{product_net_revenue}",
        },
        note="Customer 0 is how WooCommerce writes a guest; refunds are lines with negative numbers.",
    ),
    Shape(
        "Magento's order items",
        ("order_id", "sku", "qty_ordered", "row_total", "created_at"),
        {
            "item": "{sku}",
            "time": "{created_at}",
            "order": "{order_id}",
            "quantity": "{qty_ordered}",
            "amount": "{row_total}",
        },
        {"where": "{parent_item_id} IS NULL"},
        note="Lines with a parent repeat the configurable product above them.",
    ),
    Shape(
        "Google Analytics 4 events",
        ("event_name", "user_pseudo_id", "event_timestamp", "item_id"),
        {
            "customer": ("coalesce({user_id}, {user_pseudo_id})", "{user_pseudo_id}"),
            "item": "{item_id}",
            "time": "{event_timestamp}",
            "event_type": "{event_name}",
            "order": ("{transaction_id}", "{ecommerce}.transaction_id"),
            "quantity": "coalesce({quantity}, 1)",
            "amount": ("{price} * coalesce({quantity}, 1)", "{price}"),
            "item_name": "{item_name}",
            "item_category": "{item_category}",
        },
        {"where": "{item_id} IS NOT NULL AND {item_id} <> '(not set)'"},
        {"return_types": ["refund"], "weights": GA4_WEIGHTS},
        "Only events about an item are read; views and carts count less than purchases.",
    ),
    Shape(
        "Snowplow events",
        ("event_id", "domain_userid", "derived_tstamp", "se_action", "se_label"),
        {
            "customer": ("coalesce({user_id}, {domain_userid})", "{domain_userid}"),
            "item": "{se_label}",
            "time": "{derived_tstamp}",
            "event_type": "{se_action}",
            "order": "{tr_orderid}",
        },
        {"where": "{se_label} IS NOT NULL"},
        note="Structured events whose label is an item.",
    ),
    Shape(
        "Snowplow's items of transactions",
        ("event_id", "domain_userid", "derived_tstamp", "ti_orderid", "ti_sku"),
        {
            "customer": ("coalesce({user_id}, {domain_userid})", "{domain_userid}"),
            "item": "{ti_sku}",
            "time": "{derived_tstamp}",
            "order": "{ti_orderid}",
            "quantity": "{ti_quantity}",
            "amount": ("{ti_price} * {ti_quantity}", "{ti_price}"),
            "item_name": "{ti_name}",
            "item_category": "{ti_category}",
        },
        {"where": "{ti_sku} IS NOT NULL"},
        note="Events of other kinds have no item and are left out.",
    ),
    Shape(
        "the shape of the Online Retail data",
        ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"),
        {
            "customer": "{CustomerID}",
            "item": "{StockCode}",
            "time": "{InvoiceDate}",
            "order": "{InvoiceNo}",
            "quantity": "{Quantity}",
            "amount": "{UnitPrice} * {Quantity}",
            "event_type": "CASE WHEN starts_with({InvoiceNo}, 'C') THEN 'return' ELSE 'purchase' END",
            "item_name": "{Description}",
        },
        note="Invoices that begin with C are cancellations.",
    ),
)


def known_shape(sample: pl.DataFrame) -> Shape | None:
    """The shape whose signature the columns hold, with values in those that say what was bought."""
    names = {plain(column): column for column in sample.columns}
    for shape in SHAPES:
        items = shape.columns["item"]
        used = re.findall(COLUMN, items if isinstance(items, str) else " ".join(items))
        given = (names[plain(column)] for column in used if plain(column) in names)
        if set(map(plain, shape.signature)) <= names.keys() and any(sample[column].count() for column in given):
            return shape
    return None


def with_columns_of(text: str, have: Sequence[str]) -> str | None:
    """A text of a shape in the file's own column names; None where a column is not there.

    A text that is one column is its name; within expressions names are quoted.
    """
    names = {plain(name): name for name in have}
    wanted = re.findall(COLUMN, text)
    if any(plain(column) not in names for column in wanted):
        return None
    if wanted and text == f"{{{wanted[0]}}}":
        return names[plain(wanted[0])]
    return re.sub(COLUMN, lambda found: quoted(names[plain(found[1])]), text)
