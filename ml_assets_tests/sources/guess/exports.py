"""Small exports as shop systems and trackers write them: twelve orders of four customers."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

Order = tuple[int, int, datetime, list[tuple[str, int, float]]]
ORDERS: list[Order] = [
    (1000 + n, n % 4 + 1, datetime(2026, 9, 1, 10) + timedelta(days=n), [("A-1", 2, 1.5), (f"B-{n % 3}", 1, 4.0)])  # noqa: DTZ001
    for n in range(12)
]


def shopify() -> str:
    """Customer, time and status on the first line of an order; one is refunded."""
    lines = [
        "Name,Email,Financial Status,Paid at,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku"
    ]
    for order, customer, at, items in ORDERS:
        head = f"c{customer}@example.com,{'refunded' if order == 1003 else 'paid'},{at}+0000,{at} -0400"
        for sku, pieces, price in items:
            lines.append(f"#{order},{head},{pieces},Thing {sku},{price},{sku}")
            head = ",,,"
    return "\n".join(lines) + "\n"


def woocommerce() -> str:
    """One line a product; customer 0 is a guest, one order is brought back."""
    lines = ["order_item_id,order_id,product_id,variation_id,customer_id,date_created,product_qty,product_net_revenue"]
    for order, customer, at, items in ORDERS:
        who, sign = (0 if order == 1005 else customer), (-1 if order == 1003 else 1)
        lines += [
            f"{len(lines)},{order},{ord(sku[-1])},0,{who},{at},{sign * n},{sign * n * price}" for sku, n, price in items
        ]
    return "\n".join(lines) + "\n"


def online_retail() -> str:
    """US dates, prices of one piece, cancellations with a C."""
    lines = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    for order, customer, at, items in ORDERS:
        letter, sign = ("C", -1) if order == 1003 else ("", 1)
        when = f"{at.month}/{at.day + 5}/{at.year} {at.hour}:{at.minute:02}"
        lines += [
            f"{letter}{order},{sku},THING {sku},{sign * n},{when},{price},{customer}.0,UK" for sku, n, price in items
        ]
    return "\n".join(lines) + "\n"


def magento() -> str:
    """Items of orders; the configurable product stands above the simple one."""
    lines = ["item_id,order_id,parent_item_id,sku,name,qty_ordered,price,row_total,created_at,customer_email"]
    for order, customer, at, items in ORDERS:
        for sku, n, price in items:
            number = len(lines)
            who = f"c{customer}@example.com"
            lines.append(f"{number},{order},,{sku},Thing,{n},{price},{n * price},{at},{who}")
            lines.append(f"{number + 1},{order},{number},{sku},Thing,{n},0,0,{at},{who}")
    return "\n".join(lines) + "\n"


def analytics() -> str:
    """Events as JSON lines, many without an item."""
    lines = []
    for order, customer, at, items in ORDERS:
        base = {"user_pseudo_id": f"p{customer}", "event_timestamp": int(at.timestamp() * 1e6), "transaction_id": order}
        lines.append(base | {"event_name": "page_view", "item_id": None})
        for sku, n, price in items:
            more = {"item_id": sku, "quantity": n, "price": price, "item_name": f"Thing {sku}"}
            lines += [base | {"event_name": name} | more for name in ("view_item", "purchase")]
    return "\n".join(map(json.dumps, lines)) + "\n"


def german() -> str:
    """Nothing known: German names, decimal commas, day first, semicolons."""
    lines = ["Bestellnummer;Kundennummer;Artikelnummer;Menge;Einzelpreis;Bestelldatum;Bezeichnung"]
    for order, customer, at, items in ORDERS:
        when = f"{at.day + 5:02}.{at.month:02}.{at.year} {at.hour}:{at.minute:02}"
        lines += [f"{order};{customer};{sku};{n};{f'{p:.2f}'.replace('.', ',')};{when};Käse" for sku, n, p in items]
    return "\n".join(lines) + "\n"


EXPORTS: dict[str, tuple[str, Callable[[], str]]] = {
    "shopify": ("orders.csv", shopify),
    "woocommerce": ("orders.csv", woocommerce),
    "online_retail": ("orders.csv", online_retail),
    "magento": ("orders.csv", magento),
    "analytics": ("events.ndjson", analytics),
    "german": ("export.csv", german),
}
