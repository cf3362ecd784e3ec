"""Which columns of a source hold what: of events, the item catalogue, orders without a date, refunds.

A source that has such a table has the section as a key (`source.py`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from ml_assets.settings.section import Section

# What sources read where the settings say null: every line the same item, or nobody.
NO_ITEM, NO_CUSTOMER = "'all'", "CAST(NULL AS VARCHAR)"


def _or(nothing: str) -> BeforeValidator:
    """A column, an expression, or null, which stands for `nothing`."""
    return BeforeValidator(lambda value: nothing if value is None else value, json_schema_input_type=str | None)


class EventColumns(Section):
    """What the shop's event files hold where: a column's name, or an SQL expression such as `UnitPrice * Quantity`.

    Times without a zone are in the shop's time zone.
    """

    customer: Annotated[str, _or(NO_CUSTOMER)] = Field(
        default="customer_id",
        description="Who: integer or text. null: nobody is known, every order is a guest's; similar and popular items "
        "are made then, and no lists or segments of customers.",
    )
    item: Annotated[str, _or(NO_ITEM)] = Field(
        default="item_id",
        description="What: integer or text. null: orders do not say; segments and customer value are made then, and no "
        "recommendations.",
    )
    time: str = Field(default="occurred_at", description="When: a timestamp, a date, or ISO 8601 text.")
    quantity: str | None = Field(default=None, description="How many. Unset: 1.")
    amount: str | None = Field(default=None, description="Paid for the whole line. Unset: no amounts.")
    cost: str | None = Field(
        default=None,
        description="What the whole line cost the shop, in the currency of the amount, e.g. `unit_cost * quantity`; "
        "experiments then tell margin. Empty on a line: not known. Unset: no costs.",
    )
    order: str | None = Field(default=None, description="Order or basket. Unset: one order per customer and day.")
    event_type: str | None = Field(default=None, description="Kind of behaviour, e.g. purchase or view.")
    item_name: str | None = Field(default=None, description="Name of the item, where events carry it.")
    item_category: str | None = Field(default=None, description="Category of the item, where events carry it.")


class ItemColumns(Section):
    """Which columns of the item catalogue hold what."""

    item: str = Field(default="item_id", description="The same id as in the events.")
    name: str | None = Field(default=None, description="What people see.")
    category: str | None = Field(default=None, description="One category per item.")
    brand: str | None = Field(default=None, description="One brand per item.")
    available: str | None = Field(
        default=None, description="Whether it is still sold: true or false, 1 or 0, yes or no. Empty: it is."
    )


class UndatedOrders(Section):
    """Orders without a date, laid on a calendar; the time is then the column `ordered_at`."""

    start: date = Field(description="The day of every customer's first order.")
    customer: str = Field(default="user_id", description="Column of the orders with the customer.")
    number: str = Field(default="order_number", description="Which of the customer's orders it is: 1, 2, 3.")
    days: str = Field(default="days_since_prior_order", description="Days since the customer's order before.")
    hour: str | None = Field(default=None, description="Hour of the day. Unset: midnight.")


class RefundColumns(Section):
    """Which columns of the table of refunds hold what; numbers and dates are written as in the events."""

    customer: ClassVar[None] = None
    event_type: ClassVar[None] = None

    order: str = Field(default="order_id", description="The order that is refunded, as in columns.order.")
    item: str | None = Field(
        default=None, description="The item that is refunded. Unset, or empty on a line: everything in the order."
    )
    quantity: str | None = Field(default=None, description="How many. Unset or empty: all that the order has of it.")
    amount: str | None = Field(
        default=None,
        description="What is paid back. Unset or empty: what was paid for that quantity. Of a whole order the share "
        "that it is of all lines.",
    )
    time: str | None = Field(
        default=None,
        description="When; the refund counts on that day. Unset: on the day of its order, which is corrected.",
    )
