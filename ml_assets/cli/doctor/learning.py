"""What there is to learn from: items, customers, orders, guests, amounts; and what the shop does not make.

Days and times are looked at in `data.py`.
"""

from collections import defaultdict
from collections.abc import Iterator

import polars as pl

from ml_assets.cli.doctor.finding import Finding
from ml_assets.cli.doctor.look import DAYS_READ, EXAMPLES, Look
from ml_assets.errors import UserError
from ml_assets.settings.made import has_customers, has_items, not_made
from ml_assets.sources.base import COST
from ml_assets.sources.opt_outs import read_opt_outs

MOST_OF_ONE_ORDER = 0.98
"""More customers than this share of the orders, and hardly one has bought twice."""
FEWEST_TO_MEET = 20
"""Customers who opted out, of whom one at least should have bought something."""
FEWEST_CUSTOMERS, FEWEST_ITEMS, FEWEST_DAYS = 30, 10, 28
NO_CUSTOMERS = (
    "Map the column that has the customer; where the shop knows none, set source.columns.customer: null, and similar "
    "and popular items are made."
)
# So large a share of lines is worth learning from.
MANY_GUESTS = 0.2
# Some goods are sold at a loss, and some have no cost yet.
MANY_AT_A_LOSS, FEW_COSTS = 0.2, 0.5


def what_is_made(look: Look, about: str) -> Iterator[Finding]:
    """What the shop's data and wishes leave out."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for subject, reason in not_made(look.settings).items():
        reasons[reason].append(subject)
    for reason, subjects in reasons.items():
        yield Finding(about, "good", f"Not made, and never called old: {', '.join(subjects)}. {reason}")


def items(look: Look, about: str) -> Iterator[Finding]:
    """Whether what is sold has names."""
    if not has_items(look.settings):
        return
    sold = look.purchases.select("item_id").unique()
    if look.items.is_empty():
        fix = "Map source.columns.item_name, or give a catalogue as source.items; reasons and charts then have names."
        yield Finding(about, "warning", f"{sold.height:,} items, none with a name.", fix)
        return
    orphans = sold.join(look.items.select("item_id"), on="item_id", how="anti")
    words = f"{sold.height:,} items were sold, {sold.height - orphans.height:,} of them are in the catalogue."
    if orphans.height > 0.05 * sold.height:
        shown = ", ".join(map(str, orphans["item_id"].head(EXAMPLES)))
        fix = "Are the ids of source.item_columns.item those of source.columns.item?"
        yield Finding(about, "warning", f"{words} Not there: {shown}, ...", fix)
    else:
        yield Finding(about, "good", words)


def amounts(look: Look, about: str) -> Iterator[Finding]:
    """How many customers, items and days there are, and whether they are what they are called."""
    events = look.purchases
    if events.is_empty():
        raise UserError("There are no events to learn from.", "See the findings above.")
    known = events.drop_nulls("customer_id")
    customers, days = known["customer_id"].n_unique(), (look.covered.last - look.covered.first).days + 1
    sizes = [(days, FEWEST_DAYS, "days")]
    again = ""
    if has_items(look.settings):
        sizes.insert(0, (events["item_id"].n_unique(), FEWEST_ITEMS, "items"))
        pairs = known.group_by("customer_id", "item_id").agg(days=pl.col("day").n_unique())
        repeated = pairs.filter(pl.col("days") > 1).height / max(pairs.height, 1)
        again = f"; {repeated:.0%} of what is bought is bought again" if pairs.height else ""
    if has_customers(look.settings):
        sizes.insert(0, (customers, FEWEST_CUSTOMERS, "customers"))
    words = ", ".join(f"{have:,} {what}" for have, _, what in sizes) + f"{again}."
    few = [f"{have:,} {what} ({fewest:,} are wanted)" for have, fewest, what in sizes if have < fewest]
    if few:
        fix = "Load more history; until then the lists are best-sellers, which is said where they are shown."
        yield Finding(about, "warning", f"{words} That is little to learn from: {', '.join(few)}.", fix)
    else:
        more = " `ml-assets backtest --quick` says which methods that carries." if again else ""
        yield Finding(about, "good", words + more)
    orders = events["order_id"].drop_nulls().n_unique()
    if orders >= FEWEST_CUSTOMERS and customers > MOST_OF_ONE_ORDER * orders:
        words = f"{customers:,} customers made {orders:,} orders: nearly every order has a customer of its own."
        fix = "Is source.columns.customer an id of the order? Map the one that stays the same at the next order."
        yield Finding(about, "warning", words, fix)
    if look.settings.segmentation.enabled and events["amount"].null_count() == events.height:
        fix = "Map source.columns.amount; segments then know value, not only visits."
        yield Finding(about, "warning", "No line has an amount.", fix)


def costs(look: Look, about: str) -> Iterator[Finding]:
    """Whether margin can be told: what lines cost, beside what was paid for them."""
    if COST not in look.checked.valid.columns:
        return
    both = look.purchases.drop_nulls(["amount", COST])
    lines = look.purchases.height
    if both.is_empty():
        fix = "Is source.columns.cost the right column? Experiments tell no margin without."
        yield Finding(about, "warning", "No line has both an amount and a cost.", fix)
        return
    paid, cost = float(both["amount"].sum()), float(both[COST].sum())
    margin = f"; margin is {(paid - cost) / paid:.0%} of what was paid" if paid > 0 else ""
    words = f"{both.height:,} of {lines:,} lines have a cost ({both.height / max(lines, 1):.0%}){margin}."
    losing = both.filter(pl.col(COST) > pl.col("amount")).height
    if losing > MANY_AT_A_LOSS * both.height:
        fix = "Is source.columns.cost that of the whole line, in the currency and with the taxes of the amount?"
        yield Finding(about, "warning", f"{words} {losing:,} lines cost more than was paid for them.", fix)
    elif both.height < FEW_COSTS * lines:
        fix = "Lines without a cost are left out of margin: arms that sell other items are then hard to compare."
        yield Finding(about, "warning", words, fix)
    else:
        yield Finding(about, "good", words)


def guests(look: Look, about: str) -> Iterator[Finding]:
    """How much is bought by nobody known."""
    if look.settings.events.guests == "one_off":
        lines, what = look.checked.valid["customer_id"].null_count(), "they teach item models, and get no lists"
    else:
        lines, what = look.checked.quarantined.filter(reason="missing_customer_id").height, "they are left out"
    if not lines:
        return
    share = lines / look.checked.read
    if lines == look.checked.read and has_customers(look.settings):
        words = f"None of {lines:,} lines has a customer: lists and segments of customers cannot be made."
        yield Finding(about, "error", words, NO_CUSTOMERS)
        return
    words = f"{lines:,} lines ({share:.1%}) are of guests, who have no customer: {what} (events.guests)."
    if share > MANY_GUESTS and look.settings.events.guests == "left_out":
        fix = "Set events.guests: one_off, and what guests buy counts for similar and popular items."
        yield Finding(about, "warning", words, fix)
    else:
        yield Finding(about, "good", words)


def opt_outs(look: Look, about: str) -> Iterator[Finding]:
    """Whether the shop's list of opt-outs can be read, and is of customers of the shop."""
    settings = look.settings
    if settings.opt_outs is None:
        return
    known = look.checked.valid["customer_id"].drop_nulls().unique()
    found = read_opt_outs(settings, "bigint" if known.dtype == pl.Int64 else "text", today=look.today)
    words = f"{len(found.customers):,} customers of {found.lines:,} lines opted out."
    if found.lines == 0:
        fix = "Is opt_outs the right file or table? Whoever was opted out stays so."
        yield Finding(about, "warning", "The list of opt-outs is empty.", fix)
    elif len(found.customers) >= FEWEST_TO_MEET and not found.customers.is_in(known.implode()).any():
        fix = "Is opt_outs.columns.customer the same id as source.columns.customer?"
        yield Finding(about, "warning", f"{words} None of them bought anything in {DAYS_READ} days.", fix)
    elif found.unknown or found.unreadable:
        odd = f" Neither yes nor no, so no: {', '.join(found.unknown)}." if found.unknown else ""
        odd += f" {found.unreadable:,} lines have no customer's id." if found.unreadable else ""
        yield Finding(about, "warning", words + odd, "Set opt_outs.no to the words that mean no; mend the ids.")
    else:
        yield Finding(about, "good", words)
