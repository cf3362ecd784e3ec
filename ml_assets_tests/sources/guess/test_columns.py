"""Which column is taken for what, by its name and its values."""

from collections.abc import Mapping, Sequence
from datetime import date, time

import polars as pl
import pytest

from ml_assets.sources.columns import Reading
from ml_assets.sources.guess.columns import Choice, guess_columns

READING = Reading("UTC")


def guessed(columns: Mapping[str, Sequence[object]]) -> dict[str, Choice]:
    return guess_columns(pl.DataFrame(columns), READING)


def texts(columns: Mapping[str, Sequence[object]]) -> dict[str, str]:
    return {field: choice.text for field, choice in guessed(columns).items()}


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("Member_number,Date,itemDescription", {"customer": "Member_number", "item": "itemDescription"}),
        ("Row ID,Customer Name,City,Date,Product Name", {"customer": "Customer Name", "item": "Product Name"}),
        ("user_id:token,item_id:token,date", {"customer": "user_id:token", "item": "item_id:token"}),
        ("customer_city,customer_unique_key,customer_key,product_name,sku,date", {"customer": "customer_key"}),
        ("Kunden-Nr,Artikelbezeichnung,ArtikelNr,Datum", {"customer": "Kunden-Nr", "item": "ArtikelNr"}),
        ("LoyaltyCardNumber,Transaction,ProdName,date", {"customer": "LoyaltyCardNumber", "order": "Transaction"}),
    ],
)
def test_a_column_is_told_by_the_words_of_its_name(header: str, fields: dict[str, str]) -> None:
    values: dict[str, Sequence[object]] = {name: [1, 2, 2] for name in header.split(",")}
    values |= {name: ["2026-09-01", "2026-09-02", "2026-09-03"] for name in values if name.lower() in ("date", "datum")}
    found = texts(values)
    assert fields.items() <= found.items()


def test_an_item_that_is_told_by_its_name_is_its_own_name() -> None:
    found = texts({"client": [1, 2], "Product Name": ["Tea", "Milk"], "date": ["2026-09-01", "2026-09-02"]})
    assert (found["item"], found["item_name"]) == ("Product Name", "Product Name")


def test_an_id_goes_before_a_name_and_the_name_is_what_people_read() -> None:
    found = texts(
        {"Product Name": ["Tea", "Milk"], "Product ID": ["t", "m"], "Customer Name": ["A", "B"], "cust_no": [1, 2]}
    )
    assert (found["item"], found["item_name"], found["customer"]) == ("Product ID", "Product Name", "cust_no")


def test_customers_by_name_are_said_to_be_less_than_ids() -> None:
    found = guessed({"Customer Name": ["A", "B"], "item": [1, 2], "date": ["2026-09-01", "2026-09-02"]})
    assert "two customers of one name count as one" in found["customer"].why


def test_the_time_of_the_order_goes_before_that_of_its_shipping() -> None:
    both = {"Ship Date": ["2026-09-03"], "Purchase Date": ["2026-09-01"]}
    assert texts(both)["time"] == "Purchase Date"
    del both["Purchase Date"]
    found = guessed(both)["time"]
    assert found.text == "Ship Date"
    assert "no column has the time of the purchase itself" in found.why


DAYS = [f"2026-09-{n:02}" for n in range(1, 11)]
LATEST, FEW = ["2026-11-01"] * 10, ["2026-11-01", *[None] * 9]


@pytest.mark.parametrize(
    ("columns", "time"),
    [
        ({"deleted_at": FEW, "placed": DAYS}, "placed"),
        ({"deleted_at": DAYS}, None),
        ({"refundedOn": DAYS, "expires_at": DAYS, "archived": DAYS, "birth_date": DAYS, "member_since": DAYS}, None),
        ({"updated_at": DAYS, "placed": DAYS}, "placed"),
        ({"lastModified": DAYS, "inserted": DAYS}, "inserted"),
        ({"added": DAYS, "sold": DAYS}, "sold"),
        # Few lines have it, or all were brought in on one day: it is another's moment.
        ({"created_at": [*DAYS[:4], *[None] * 6], "entered": DAYS}, "entered"),
        ({"created_at": LATEST, "entered": DAYS}, "entered"),
        ({"created_at": LATEST, "updated_at": DAYS}, "created_at"),
        ({"created_at": LATEST}, "created_at"),
        # Ids that look like seconds since 1970.
        ({"order_id": [1_700_000_000 + n for n in range(10)]}, None),
    ],
)
def test_the_time_is_that_which_most_lines_have_on_several_days_and_no_end(
    columns: Mapping[str, Sequence[object]], time: str | None
) -> None:
    assert texts(columns).get("time") == time


@pytest.mark.parametrize(
    ("dates", "clocks"),
    [
        (["2026-09-01", "2026-09-02"], ["09:58:11", "10:05:34"]),
        (["13.09.2026", "2.9.2026"], ["9:58", "10:05"]),
        (["9/13/2026", "9/2/2026"], ["9:58 AM", "10:05 pm"]),
        ([date(2026, 9, 1), date(2026, 9, 2)], [time(9, 58), time(10, 5)]),
    ],
)
def test_date_and_time_of_day_in_two_columns_are_put_together(dates: list[object], clocks: list[object]) -> None:
    lines = pl.DataFrame({"Sale Date": dates, "Time": clocks, "n": [1, 2]})
    assert guess_columns(lines, READING)["time"].text == "\"Sale Date\" || ' ' || Time"


def test_a_time_that_has_its_hour_needs_no_second_column() -> None:
    assert texts({"date": ["2026-09-01 10:00", "2026-09-02 11:00"], "time": ["09:58", "10:05"]})["time"] == "date"


@pytest.mark.parametrize(
    ("columns", "cost"),
    [
        ({"total": [4.0, 6.0], "COGS": [1.5, 2.5]}, "COGS"),
        ({"qty": [2, 3], "total": [4.0, 6.0], "cost": [1.5, 2.5]}, "cost"),
        ({"qty": [2, 3], "total": [4.0, 6.0], "Unit Cost": ["1.5", "2.5"]}, '"Unit Cost" * qty'),
        # Where the price is of a piece, so is the cost.
        ({"qty": [2, 3], "price": [4.0, 6.0], "cost": [1.5, 2.5]}, "cost * qty"),
        ({"total": [4.0, 6.0], "purchase_price": [1.5, 2.5]}, "purchase_price"),
        ({"total": [4.0, 6.0], "cost": ["dear", "cheap"]}, None),
        ({"total": [4.0, 6.0], "shipping_cost": [1.5, 2.5]}, None),
        ({"cost": [1.5, 2.5]}, None),
    ],
)
def test_a_cost_is_told_by_its_name_and_taken_times_the_pieces(
    columns: Mapping[str, Sequence[object]], cost: str | None
) -> None:
    lines: dict[str, Sequence[object]] = {"client": [1, 2], "sku": ["a", "b"], "date": ["2026-09-01", "2026-09-02"]}
    found = guessed({**lines, **columns})
    assert (found["cost"].text if "cost" in found else None) == cost
    assert cost is None or "experiments then tell margin" in found["cost"].why
