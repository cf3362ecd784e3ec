"""What customers of experiments bought is joined back by day, replaced whole, and hidden and erased like all else."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.books.opt_outs import take_opt_outs
from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.database import count_rows, delete_rows
from ml_assets.experiments.entrants import enter_customers
from ml_assets.experiments.margin_before import with_margin_before
from ml_assets.experiments.outcomes import Before, due_days, outcomes_of, write_outcomes
from ml_assets.experiments.register import start, stop
from ml_assets.lake import Lake
from ml_assets_tests.experiments.test_register import asked
from ml_assets_tests.releases.frames import recommendations, release

CUSTOMERS = range(1, 21)
DAY = date(2026, 1, 6)
LINES = [(1, 11, "a", 5.0), (1, 99, "a", 2.5), (1, 12, "b", 1.0), (2, 99, "c", 4.0), (77, 11, "d", 9.0)]


def lines(rows: list[tuple[int, int, str, float]], day: date = DAY) -> pl.LazyFrame:
    frame = pl.DataFrame(rows, schema=["customer_id", "item_id", "order_id", "amount"], orient="row")
    return frame.with_columns(
        occurred_at=pl.lit(datetime(day.year, day.month, day.day, 12, tzinfo=UTC)),
        day=pl.lit(day),
        quantity=pl.lit(1.0),
        event_type=pl.lit("purchase"),
        is_return=pl.lit(value=False),
    ).lazy()


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    """An experiment of all twenty, who entered on the day."""
    release(connection, recommendations(CUSTOMERS))
    start(connection, "worth", asked(), ZoneInfo("UTC"))
    past = {"customer_id": [*CUSTOMERS], "orders": [9] * 20, "orders_90d": [3] * 20, "spend_90d": [7.5] * 20}
    enter_customers(connection, pl.DataFrame(past))
    connection.execute("UPDATE ml_store.experiment_customers SET entered_on = %s", [DAY])
    connection.execute("UPDATE ml_meta.experiments SET started_at = '2026-01-05', serving_since = '2026-01-05'")
    connection.execute("UPDATE ml_meta.live_history SET live_from = '2026-01-05'")
    return connection


def outcomes(connection: ServingConnection) -> dict[int, tuple[object, ...]]:
    columns = "customer_id, orders, revenue, listed_items, orders_before, revenue_before"
    return {row[0]: row[1:] for row in connection.execute(f"SELECT {columns} FROM ml.experiment_outcomes".encode())}


def test_what_was_bought_is_counted_by_customer_and_a_day_that_was_corrected_is_replaced(
    shop: ServingConnection,
) -> None:
    load = "INSERT INTO ml_meta.source_days (day, row_count, fingerprint, loaded_at) VALUES (%s, 1, 'x', '2026-01-09')"
    for day in (date(2026, 1, 5), DAY, date(2026, 1, 7), date(2026, 1, 8)):
        shop.execute(load, [day])
    assert due_days(shop, DAY) == [DAY]
    assert write_outcomes(shop, DAY, outcomes_of(lines(LINES), DAY, {})) == 2
    assert due_days(shop, DAY) == []
    found = outcomes(shop)
    assert len(found) == 20
    # Of each list two items are shown; 12 is the second.
    assert found[1] == (2, 8.5, 2, 3.0, 7.5)
    assert found[2] == (1, 4.0, 0, 3.0, 7.5)
    assert found[3] == (0, 0.0, 0, 3.0, 7.5)
    later = date(2026, 1, 8)
    write_outcomes(shop, later, outcomes_of(lines(LINES[:1], later), later, {}))
    assert due_days(shop, later) == [date(2026, 1, 7)]
    assert outcomes(shop)[1][:2] == (3, 13.5)
    assert write_outcomes(shop, DAY, outcomes_of(lines(LINES[3:4]), DAY, {})) == 1
    assert outcomes(shop)[1][:2] == (1, 5.0)
    assert write_outcomes(shop, DAY, outcomes_of(lines([]), DAY, {})) == 0
    assert outcomes(shop)[2][:2] == (0, 0.0)
    shop.execute("UPDATE ml_meta.source_days SET loaded_at = clock_timestamp() WHERE day = %s", [DAY])
    assert due_days(shop, DAY) == [DAY]
    # The day on which it was stopped is not whole.
    stop(shop, "worth", "enough")
    shop.execute("UPDATE ml_meta.experiments SET stopped_at = '2026-01-08 10:00+00'")
    assert outcomes(shop)[1][:2] == (0, 0.0)


def test_margin_is_of_lines_that_say_what_they_cost_and_returns_take_it_back(shop: ServingConnection) -> None:
    sold = lines([*LINES, (3, 12, "e", -4.0)]).with_columns(
        cost=pl.Series([2.0, None, 3.0, 4.0, 1.0, -1.5]), is_return=pl.col("amount") < 0
    )
    write_outcomes(shop, DAY, outcomes_of(sold, DAY, {}))
    query = "SELECT customer_id, revenue, margin, returned FROM ml.experiment_outcomes WHERE customer_id < 5 ORDER BY 1"
    told = shop.execute(query).fetchall()
    # Customer 1 paid 5 for what cost 2, and 1 for what cost 3; of the third line the cost is not known.
    assert told == [(1, 8.5, 1.0, 0.0), (2, 4.0, 0.0, 0.0), (3, -4.0, -2.5, 4.0), (4, 0.0, None, 0.0)]
    # Of a shop without costs there is no margin, whatever it was the day before.
    write_outcomes(shop, DAY, outcomes_of(sold.drop("cost"), DAY, {}))
    assert [row[2] for row in shop.execute(query).fetchall()] == [None] * 4
    pieces = sold.drop("cost").with_columns(amount=pl.lit(None, pl.Float64))
    assert outcomes_of(pieces, DAY, {}).customers.filter(customer_id=3)["returned"].to_list() == [1.0]


def test_the_margin_before_is_that_of_90_days_and_kept_for_whoever_enters(
    connection: ServingConnection, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    features = pl.DataFrame({"customer_id": [1, 2, 3, 4], "orders_90d": [1, 1, 1, 0], "spend_90d": [8.5, 4.0, -4.0, 0]})
    assert with_margin_before(features, lake, DAY, {}).equals(features)
    lake.write("transactions", lines(LINES).collect(), DAY - timedelta(days=1))
    assert with_margin_before(features, lake, DAY, {}).equals(features)
    for back, cost in ((0, 2.0), (89, 1.0), (90, 1000.0)):
        day = DAY - timedelta(days=back)
        costs = pl.Series([cost, None, 3.0, 4.0, 1.0])
        lake.write("transactions", lines(LINES, day).with_columns(cost=costs).collect(), day)
    past = with_margin_before(features, lake, DAY, {})
    # Customer 1 paid 5 on each of two days for what cost 2 and 1, and 1 for what cost 3.
    assert past["margin_90d"].to_list() == [3.0 + 4.0 - 2.0 - 2.0, 0.0, 0.0, 0.0]
    release(connection, recommendations([1, 5]))
    start(connection, "worth", asked(), ZoneInfo("UTC"))
    enter_customers(connection, past)
    kept = "SELECT customer_id, revenue_before, margin_before FROM ml.experiment_outcomes ORDER BY 1"
    assert connection.execute(kept).fetchall() == [(1, 8.5, 3.0), (5, None, None)]


def test_opting_out_counts_by_arm_where_it_was_seen_while_the_experiment_ran(shop: ServingConnection) -> None:
    def unsubscribed() -> tuple[int, int]:
        query = "SELECT sum(customers), sum(unsubscribed) FROM ml.experiment_unsubscribes"
        found = shop.execute(query).fetchone() or (0, 0)
        return int(found[0]), int(found[1])

    assert unsubscribed() == (20, 0)
    # Nobody knows since when those of the first list had opted out; customer 3 said it before the day.
    take_opt_outs(shop, pl.Series([1, 2]), most_returning=1)
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id, noted_at) VALUES (3, '2026-01-05 23:00+00')")
    assert unsubscribed() == (17, 0)
    take_opt_outs(shop, pl.Series([1, 2, 4, 99]), most_returning=1)
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (5), (4)")
    assert unsubscribed() == (17, 2)
    # After its end it says nothing of the experiment.
    shop.execute("UPDATE ml_meta.experiments SET stopped_at = '2026-01-08 10:00+00'")
    assert unsubscribed() == (17, 0)


def test_opting_out_hides_what_came_of_it_and_erasing_removes_it(shop: ServingConnection) -> None:
    write_outcomes(shop, DAY, outcomes_of(lines(LINES), DAY, {}))
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (1)")
    assert 1 not in outcomes(shop)
    assert delete_rows(shop, 2)["experiment_days"] == 1
    assert count_rows(shop, 2).total() == 0


def test_new_categories_lapsed_customers_segments_and_places_are_told_apart(shop: ServingConnection) -> None:
    before = pl.LazyFrame({"customer_id": [1, 1, 2], "item_id": [11, 13, 99], "weight": [1.0, 0.1, 1.0]})
    items = pl.LazyFrame({"item_id": [11, 12, 13, 99], "category": ["food", "food", "drinks", None]})
    rows = [*LINES, (1, 13, "b", 1.0), (2, 12, "c", 1.0)]
    made = outcomes_of(lines(rows), DAY, {}, Before(before, items))
    # Looking at a drink is no purchase; what has no category is of none.
    assert dict(made.customers.select("customer_id", "new_categories").iter_rows()) == {1: 1, 2: 1, 77: 1}
    shop.execute(
        "INSERT INTO ml_store.segment_history (customer_id, valid_from, segment_key) "
        "VALUES (1, '2025-12-01', 'loyal'), (1, '2026-01-05', 'vip'), (1, %s, 'dormant')",
        [DAY],
    )
    write_outcomes(shop, DAY, made)

    def told() -> dict[int, tuple[object, ...]]:
        query = "SELECT customer_id, new_categories, lapsed, segment_key FROM ml.experiment_outcomes"
        return {row[0]: row[1:] for row in shop.execute(query).fetchall()}

    assert told()[1] == (1, None, "vip")
    assert told()[3] == (None, None, None)
    later = DAY + timedelta(days=27)
    write_outcomes(shop, later, outcomes_of(lines([(2, 99, "e", 1.0)], later), later, {}))
    assert {who: row[1] for who, row in told().items() if who < 4} == {1: False, 2: False, 3: True}
    write_outcomes(shop, later + timedelta(days=1), outcomes_of(lines([]), later + timedelta(days=1), {}))
    assert {who: row[1] for who, row in told().items() if who < 4} == {1: True, 2: False, 3: True}
    # Of each list two items are shown, 11 and 12; customer 1 bought both, customer 2 the second.
    query = """
        SELECT placement, rank, reason_code, sum(items)::integer, sum(customers)::integer
        FROM ml.experiment_listed_items GROUP BY 1, 2, 3 ORDER BY 1, 2
    """
    places = [(1, "because_you_bought", 1, 1), (2, "popular", 2, 2)]
    assert shop.execute(query).fetchall() == [(name, *place) for name in ("discover", "for_you") for place in places]
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (2)")
    assert [row[3] for row in shop.execute(query).fetchall()] == [1, 1, 1, 1]
    assert delete_rows(shop, 1)["experiment_listed"] == 4
    write_outcomes(shop, DAY, outcomes_of(lines([]), DAY, {}))
    assert shop.execute(query).fetchall() == []
