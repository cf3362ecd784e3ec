"""Model and prediction assets: trained alone, registered, and used for the day by those who score."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import chain

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ml_assets.books.models import champion, list_models
from ml_assets.dagster.assets.customers import build_customer_assets
from ml_assets.dagster.assets.models import build_model_assets
from ml_assets.dagster.assets.predictions import build_prediction_assets
from ml_assets.dagster.assets.promotions import PROMOTED
from ml_assets.dagster.assets.releases import build_release_assets
from ml_assets.dagster.assets.samples import popular_sample, recommendation_samples
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.events.load import load_days
from ml_assets.features.load import load_customer_features, load_interactions
from ml_assets.lake import Lake
from ml_assets.models.ranking.related import popular_items
from ml_assets.models.segmentation.inputs import FEATURES
from ml_assets.sources.base import EventSource
from ml_assets.subjects import MODEL_KINDS
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named, on, ranked_by

FIRST, WEEK = date(2024, 4, 1), date(2024, 5, 20)
SUNDAY = WEEK - timedelta(days=1)


@pytest.fixture
def lake(shop: Shop, source: EventSource) -> Lake:
    """Everything until the Sunday before the week."""
    lake = Lake.of(shop.settings)
    days = [FIRST + timedelta(days=number) for number in range((WEEK - FIRST).days)]
    for day, loaded in load_days(source, days, shop.settings.events).items():
        lake.write("transactions", loaded.valid, day)
    lake.write("items", source.read_items())
    return lake


def train(name: str, shop: Shop, lake: Lake, source: EventSource, connection: ServingConnection) -> list[object]:
    asset = named(build_model_assets(shop), name)
    made = asset(on(WEEK), lake=lake, source=source, serving=OpenDatabase(connection))
    return [made] if isinstance(made, dg.MaterializeResult) else list(made)


def score(name: str, shop: Shop, connection: ServingConnection, *inputs: pl.LazyFrame, lake: Lake) -> pl.DataFrame:
    asset = named([*build_prediction_assets(shop), *build_customer_assets(shop)], name)
    made = asset(on(WEEK), *inputs, lake=lake, serving=OpenDatabase(connection), **ranked_by(shop, name))
    return made if isinstance(made, pl.DataFrame) else next(iter(made)).value


def test_models_are_registered_for_their_week_and_score_its_days(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection
) -> None:
    backtest, model, check = train("recommender_model", shop, lake, source, text_connection)
    assert isinstance(backtest, dg.Output)
    assert {"placement", "method", "ndcg"} <= set(backtest.value.columns)
    assert isinstance(check, dg.AssetCheckResult)
    assert (check.check_name, check.passed) == (PROMOTED, True)
    (segmentation,) = train("segmentation_model", shop, lake, source, text_connection)
    (value,) = train("customer_value_model", shop, lake, source, text_connection)
    for kind, made in (("recommender", model), ("segmentation", segmentation), ("customer_value", value)):
        assert isinstance(made, dg.MaterializeResult)
        rows = list_models(text_connection, kind)
        assert {(row.decision, row.trained_through, row.version) for row in rows} == {
            ("promoted", SUNDAY, str(made.data_version.value if made.data_version else ""))
        }
    placements = {row.placement for row in list_models(text_connection, "recommender")}
    assert placements == {*shop.settings.recommender.enabled_placements, "similar_items"}

    interactions = load_interactions(lake, as_of=SUNDAY, settings=shop.settings).lazy()
    features = load_customer_features(lake, as_of=SUNDAY, settings=shop.settings)
    items = lake.scan("items")
    lists = score("recommendations", shop, text_connection, interactions, items, lake=lake)
    assert set(lists["customer_id"]) == set(features["customer_id"])
    chosen = champion(text_connection, "recommender", WEEK, "for_you")
    assert chosen is not None
    assert set(lists["model_version"]) == {chosen.version}
    similar = score("similar_items", shop, text_connection, items, lake=lake)
    assert not any(item in alike for item, alike in similar.select("item_id", "item_ids").iter_rows())
    values = score("customer_value", shop, text_connection, features.lazy(), lake=lake)
    segments = score("segment_assignments", shop, text_connection, features.lazy(), values.lazy(), lake=lake)
    assert sorted(segments["customer_id"]) == sorted(features["customer_id"])
    both = "customer_id", "alive_probability", "expected_spend_90d"
    assert_frame_equal(segments.select(both), values.select(both), check_row_order=False)
    assert segments["expected_spend_90d"].null_count() == 0


def test_a_move_reaches_the_history_with_its_reason_and_sql_assigns_as_the_release_does(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection
) -> None:
    train("segmentation_model", shop, lake, source, text_connection)
    train("customer_value_model", shop, lake, source, text_connection)
    before = load_customer_features(lake, as_of=SUNDAY, settings=shop.settings)
    features = load_customer_features(lake, as_of=WEEK, settings=shop.settings)
    database = OpenDatabase(text_connection)
    values = score("customer_value", shop, text_connection, features.lazy(), lake=lake).lazy()

    def score_segments() -> tuple[pl.DataFrame, pl.DataFrame]:
        asset = named(build_customer_assets(shop), "segment_assignments")
        made = list(asset(on(WEEK), features.lazy(), values, lake=lake, serving=database))
        assignments, segments = (one.value for one in made if isinstance(one, dg.Output))
        return assignments, segments

    def release(day: date, assignments: pl.DataFrame, segments: pl.DataFrame) -> None:
        lake.write("segment_profiles", segments, day)
        asset = named(build_release_assets(shop), "segment_assignments_release")
        asset(on(day), assignments.lazy(), lake=lake, serving=database)

    right, segments = score_segments()
    richest, poorest = features.sort("spend_365d")["customer_id"][-1], segments["segment_key"][-1]
    placed = pl.when(pl.col("customer_id") == richest).then(pl.lit(poorest)).otherwise("segment_key")
    wrong = right.with_columns(placed.alias("segment_key"))
    lake.write("segment_assignments", wrong, SUNDAY)
    lake.write("customer_features", before, SUNDAY)
    release(SUNDAY, wrong, segments)
    assignments, segments = score_segments()
    release(WEEK, assignments, segments)

    query = "SELECT segment_key, kind, moved_from, reason FROM x_ml.segment_history WHERE customer_id = %s ORDER BY 1"
    rows = text_connection.execute(query, [richest]).fetchall()
    moved = next(row for row in rows if row[1] == "moved")
    assert moved[:3] == (segments["segment_key"][0], "moved", poorest)
    # The day between brought nothing but its own passing.
    assert "last order" in moved[3]
    current = dict(wrong.select("customer_id", "segment_key").iter_rows())
    for row in features.select("customer_id", *FEATURES).iter_rows(named=True):
        customer = row.pop("customer_id")
        given = [json.dumps(row), current[customer]]
        assigned = text_connection.execute("SELECT x_ml.assign_segment(%s::jsonb, %s)", given).fetchone()
        assert assigned == tuple(assignments.filter(customer_id=customer)["segment_key"])


@pytest.mark.parametrize("name", ["recommender_model", "segmentation_model", "customer_value_model"])
def test_a_week_is_not_trained_without_a_day_that_the_source_has(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection, name: str
) -> None:
    recent = shop.settings.model_copy(
        update={"schedules": shop.settings.schedules.model_copy(update={"catch_up_days": 10_000})}
    )
    (path := lake.path("transactions", SUNDAY)).unlink()
    assert not path.exists()
    with pytest.raises(dg.Failure, match=r"the source has days that are not in the lake \(2024-05-19\)") as raised:
        train(name, Shop.of(recent, source), lake, source, text_connection)
    assert raised.value.allow_retries, "a load of the day may be under way"
    assert list(chain.from_iterable(list_models(text_connection, kind) for kind in MODEL_KINDS)) == []


def test_a_week_that_is_trained_again_is_judged_by_whom_it_moves_from_where_they_are(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection
) -> None:
    def trained_with(**settings: object) -> str:
        segmentation = shop.settings.segmentation.model_copy(update={"max_moved": 0.1, **settings})
        gates = shop.settings.serving.gates.model_copy(update={"judge_from": 1})
        serving = shop.settings.serving.model_copy(update={"gates": gates})
        other = shop.settings.model_copy(update={"segmentation": segmentation, "serving": serving})
        train("segmentation_model", Shop.of(other, source), lake, source, text_connection)
        return list_models(text_connection, "segmentation")[0].decision

    assert trained_with(inputs=["orders_365d", "recency_days"], k_min=3, k_max=3) == "promoted"
    assert trained_with(inputs=["weekend_share", "evening_share"], k_min=2, k_max=2) == "refused"


def test_a_shop_of_guests_alone_is_told_that_models_need_customers(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection
) -> None:
    one_off = shop.settings.model_copy(update={"events": shop.settings.events.model_copy(update={"guests": "one_off"})})
    for day in lake.partitions("transactions"):
        lines = lake.read("transactions", date.fromisoformat(day))
        nobody = pl.lit(None, lines.schema["customer_id"]).alias("customer_id")
        lake.write("transactions", lines.with_columns(nobody), date.fromisoformat(day))
    with pytest.raises(dg.Failure, match="Every event before 2024-05-20 is of a guest"):
        train("recommender_model", Shop.of(one_off, source), lake, source, text_connection)


@pytest.mark.parametrize(
    ("name", "inputs", "kind"),
    [
        ("recommendations", 2, "recommender model for for_you"),
        ("similar_items", 1, "recommender model for similar_items"),
        ("segment_assignments", 2, "segmentation model"),
        ("customer_value", 1, "customer_value model"),
    ],
)
def test_a_day_without_a_model_fails_at_once_and_says_what_to_train(
    shop: Shop, text_connection: ServingConnection, name: str, inputs: int, kind: str
) -> None:
    empty = [pl.LazyFrame()] * inputs
    with pytest.raises(dg.Failure, match=f"No {kind} was trained on data before {WEEK}.*ml-assets run") as raised:
        score(name, shop, text_connection, *empty, lake=Lake.of(shop.settings))
    assert not raised.value.allow_retries


def test_popular_items_are_those_that_most_customers_bought_and_need_no_model(shop: Shop) -> None:
    sold = pl.LazyFrame(
        {
            "customer_id": ["a", "b", "c", "a"],
            "item_id": ["x", "x", "y", "y"],
            "order_day": [SUNDAY] * 3 + [FIRST - timedelta(days=300)],
            "orders_ago": [0, 0, 0, 1],
            "quantity": [1.0] * 4,
            "amount": [1.0] * 4,
            "weight": [1.0] * 4,
        },
        schema_overrides={"orders_ago": pl.UInt32, "weight": pl.Float32},
    )
    items = pl.LazyFrame(
        {"item_id": ["x", "y"], "item_name": ["X", "Y"], "category": ["one", "one"]},
    )
    popular = named(build_prediction_assets(shop), "popular_items")
    made = popular(on(SUNDAY), sold, items)
    assert made.select("scope", "item_ids", "scores").rows() == [("all", ["x", "y"], [2.0, 1.0])]
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        popular(on(SUNDAY), sold.drop("order_day"), items)


def records(table: object) -> list[Mapping[str, object]]:
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]


def test_people_see_lists_with_names_and_no_customer_is_named(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection
) -> None:
    train("recommender_model", shop, lake, source, text_connection)
    interactions = load_interactions(lake, as_of=SUNDAY, settings=shop.settings)
    items = lake.read("items")
    lists = score("recommendations", shop, text_connection, interactions.lazy(), items.lazy(), lake=lake)
    samples = recommendation_samples(lists, items)
    assert list(samples) == ["sample_for_you", "sample_discover", "sample_buy_again"]
    rows = [row for table in samples.values() for row in records(table)]
    assert all(str(row["a customer's list"]).startswith("Book ") for row in rows)
    assert {"bought often", "popular"} & {str(row["because"]) for row in rows}
    words = {word for row in rows for value in row.values() for word in str(value).split()}
    assert not set(lists["customer_id"]) & words
    popular = popular_items(interactions, items, as_of=SUNDAY, settings=shop.settings.recommender)
    assert all(row.keys() == {"best sellers"} for row in records(popular_sample(popular, items)["sample_all"]))
    assert recommendation_samples(lists.clear(), items) == popular_sample(popular.clear(), items) == {}


def test_what_is_told_of_training_is_in_the_log_of_the_run(
    shop: Shop,
    lake: Lake,
    source: EventSource,
    text_connection: ServingConnection,
    capfd: pytest.CaptureFixture[str],
) -> None:
    train("recommender_model", shop, lake, source, text_connection)
    assert "reading the purchases up to 2024-05-19, 0%" in capfd.readouterr().err


def test_no_text_of_a_models_page_is_wider_than_the_page(
    shop: Shop, lake: Lake, source: EventSource, text_connection: ServingConnection
) -> None:
    backtest, model, _ = train("recommender_model", shop, lake, source, text_connection)
    assert isinstance(model, dg.MaterializeResult)
    assert isinstance(backtest, dg.Output)
    assert model.metadata
    assert {"for_you", "discover", "buy_again"} <= model.metadata.keys()
    assert all(isinstance(model.metadata[name], dg.TextMetadataValue) for name in ("for_you", "discover", "buy_again"))
    assert max(map(len, model.metadata)) <= 36, "longer keys run over the next column"
    widths = [sum(len(str(value)) + 2 for value in row.values()) for row in records(backtest.metadata["methods"])]
    assert max(widths) <= 62
