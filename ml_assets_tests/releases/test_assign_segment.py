"""SQL gives any customer the segment that the model gives, to the last bit."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.database.connection import ServingConnection
from ml_assets.features.customers import build_customer_features
from ml_assets.models.cards import ModelCard
from ml_assets.models.segmentation.clusters import Clusters, fit_clusters
from ml_assets.models.segmentation.inputs import FEATURES, FLOOR_DAYS, input_matrix
from ml_assets.models.segmentation.model import SegmentationModel, assign
from ml_assets.models.segmentation.scaling import QuantileScaler
from ml_assets.models.segmentation.train import train_segmentation
from ml_assets.releases.dimensions import keep_numbers
from ml_assets.segments import MEASURES, PROSPECTS
from ml_assets.settings.segmentation import SegmentationSettings
from ml_assets_tests.features.lines import journey
from ml_assets_tests.releases.frames import release, segments

AS_OF = date(2017, 11, 30)
KEYS = ("champions", "loyal", "active", "dormant")
MAY_BE_NULL = ("mean_gap_days", "mean_order_value", "basket_items", "category_diversity", "weekend_share")


def features_of(transactions: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    return build_customer_features(transactions, None, as_of=as_of, lookback_days=400).collect()


@pytest.fixture(scope="module")
def grocer() -> pl.DataFrame:
    """The customer features of the real shop."""
    return features_of(journey().lazy(), AS_OF)


def by_sql(connection: ServingConnection, features: pl.DataFrame, current: Sequence[str | None]) -> list[str]:
    rows = [
        {"features": row, "current": key}
        for row, key in zip(features.select(FEATURES).to_dicts(), current, strict=True)
    ]
    query = (
        "SELECT ml.assign_segment(r.one -> 'features', r.one ->> 'current') "
        "FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS r (one, place) ORDER BY r.place"
    )
    return [key for (key,) in connection.execute(query, [json.dumps(rows)]).fetchall()]


def go_live(connection: ServingConnection, model: SegmentationModel, assigned: pl.DataFrame) -> None:
    facts: dict[str, Any] = {"segments": segments(model.keys), "model_version": model.card.version}
    release(connection, assigned, "segment_assignments", segmentation=model, **facts)


def made(inputs: Sequence[str], knots: Any, centers: Any, axes: Any, margin: float = 0.0) -> SegmentationModel:
    card = ModelCard(
        name="segmentation", version="m-1", trained_through=AS_OF, data_fingerprint="x", parameters={}, metrics={},
        rows=1, customers=1, items=0, duration_seconds=0, seed=1, libraries={},
    )  # fmt: skip
    scaler = QuantileScaler(np.array(knots, dtype=np.float64))
    clusters = Clusters(np.array(centers, dtype=np.float64), np.array(axes, dtype=np.float64))
    return SegmentationModel(card, tuple(inputs), scaler, clusters, KEYS[: len(clusters)], margin)


def simple() -> SegmentationModel:
    knots = [[0.0, 0.0], [100.0, 1000.0], [200.0, 4000.0]]
    return made(("decayed_spend", "spend_365d"), knots, [[1, 1], [0, 0]], np.eye(2), 0.1)


def trained(grocer: pl.DataFrame) -> SegmentationModel:
    settings = SegmentationSettings(k_min=5, k_max=5, margin=0.15)
    return train_segmentation(grocer, trained_through=AS_OF, settings=settings)


def mixture(grocer: pl.DataFrame) -> SegmentationModel:
    inputs = ("recency_days", "spend_90d", "pace")
    values = input_matrix(grocer, inputs)
    scaler = QuantileScaler.fit(values)
    clusters = fit_clusters(scaler.transform(values), 4, method="gaussian mixture", seed=1)
    return made(inputs, scaler.knots, clusters.centers, clusters.axes, 0.15)


@pytest.mark.parametrize("train", [trained, mixture], ids=["k-means", "mixture"])
def test_every_customer_of_the_real_shop_gets_the_segment_of_the_release(
    connection: ServingConnection, grocer: pl.DataFrame, train: Callable[[pl.DataFrame], SegmentationModel]
) -> None:
    model = train(grocer)
    earlier = features_of(journey().lazy(), AS_OF - timedelta(days=7))
    before = earlier.select("customer_id").with_columns(model.assign(earlier))
    assigned, _ = assign(model, grocer, before)
    go_live(connection, model, assigned)
    shown: dict[int, str] = dict(
        connection.execute("SELECT customer_id, segment_key FROM ml.segment_assignments").fetchall()
    )
    last = dict(before.iter_rows())
    found = by_sql(connection, grocer, [last.get(one) for one in grocer["customer_id"]])
    assert dict(zip(grocer["customer_id"], found, strict=True)) == shown
    assert len(shown) > 2_400
    fresh = by_sql(connection, grocer, [None] * grocer.height)
    assert fresh == model.assign(grocer).to_list()
    assert fresh != found


def numbers(draw: st.DrawFn, low: float, high: float, count: int) -> list[float]:
    # What is smaller than a double's square can be is 0 to the database.
    one = st.floats(low, high).map(lambda number: round(number, 12))
    return draw(st.lists(one, min_size=count, max_size=count))


@st.composite
def models_and_customers(draw: st.DrawFn) -> tuple[SegmentationModel, pl.DataFrame, list[str | None]]:
    inputs = draw(st.lists(st.sampled_from(MEASURES), min_size=1, max_size=3, unique=True))
    count, k = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    knots = np.sort([numbers(draw, -50, 50, len(inputs)) for _ in range(count)], axis=0)
    axes = draw(st.sampled_from(["k-means", "mixture"]))
    turned = np.eye(len(inputs)) if axes == "k-means" else [numbers(draw, -9, 9, len(inputs)) for _ in inputs]
    centers = [numbers(draw, 0, 1, len(inputs)) for _ in range(k)]
    model = made(inputs, knots, centers, turned, draw(st.sampled_from([0.0, 0.1, 0.15, 0.3])))
    rows = 6
    columns: dict[str, list[float | None]] = {}
    for name in FEATURES:
        place = inputs.index(name) if name in inputs else None
        some = st.floats(-60, 60).map(lambda number: round(number, 12))
        value = some if place is None else some | st.sampled_from(knots[:, place].tolist())
        values = draw(st.lists(value | st.none() if name in MAY_BE_NULL else value, min_size=rows, max_size=rows))
        columns[name] = values
    frame = pl.DataFrame(columns, schema=dict.fromkeys(FEATURES, pl.Float64)).with_row_index("customer_id")
    current = draw(st.lists(st.sampled_from([None, *KEYS]), min_size=rows, max_size=rows))
    return model, frame, current


def test_sql_and_the_model_agree_on_any_numbers(connection: ServingConnection) -> None:
    go_live(connection, simple(), pl.DataFrame({"customer_id": [1], "segment_key": ["loyal"]}))

    @given(models_and_customers())
    @hypothesis_settings(max_examples=100, suppress_health_check=list(HealthCheck))
    def agree(example: tuple[SegmentationModel, pl.DataFrame, list[str | None]]) -> None:
        model, frame, current = example
        connection.execute("DELETE FROM ml_meta.segmentation_models")
        keep_numbers(connection, model)
        before = pl.DataFrame(
            {"customer_id": frame["customer_id"], "segment_key": current},
            schema_overrides={"segment_key": pl.String},
        ).drop_nulls()
        assert by_sql(connection, frame, current) == model.assign(frame, before).to_list()

    agree()


def ask(connection: ServingConnection, features: dict[str, Any] | None, current: str | None = None) -> str:
    given = None if features is None else json.dumps(features)
    row = connection.execute("SELECT ml.assign_segment(%s::jsonb, %s)", [given, current]).fetchone()
    assert row is not None
    return str(row[0])


def test_a_customer_without_any_order_is_a_prospect(connection: ServingConnection) -> None:
    assert ask(connection, {}) == ask(connection, None) == PROSPECTS
    assert ask(connection, {"decayed_spend": None, "spend_365d": None}, "loyal") == PROSPECTS


def test_a_customer_leaves_a_segment_only_for_a_clearly_nearer_one(connection: ServingConnection) -> None:
    go_live(connection, simple(), pl.DataFrame({"customer_id": [1], "segment_key": ["loyal"]}))
    features = {"decayed_spend": 101, "spend_365d": 1000}
    assert ask(connection, features) == ask(connection, features, "champions") == "champions"
    assert ask(connection, features, "loyal") == "loyal"
    assert ask(connection, {"decayed_spend": 190, "spend_365d": 4000}, "loyal") == "champions"
    assert ask(connection, features, "no_such_segment") == ask(connection, features, PROSPECTS) == "champions"


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"decayed_spend": 1}, "lack spend_365d"),
        ({"decayed_spend": 1, "spend_365d": None}, "lack spend_365d"),
        ({"decayed_spend": 1, "spend_365d": "12"}, 'spend_365d is "12", not a number'),
        ({"decayed_spend": 1, "spend_365d": 1, "spent": 2}, "no measure spent"),
    ],
)
def test_a_measure_that_is_missing_or_unknown_is_named(
    connection: ServingConnection, features: dict[str, Any], words: str
) -> None:
    go_live(connection, simple(), pl.DataFrame({"customer_id": [1], "segment_key": ["loyal"]}))
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=words):
        ask(connection, features)


def test_the_function_knows_exactly_the_measures_and_the_floor_of_the_model(connection: ServingConnection) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
        ask(connection, {"spent": 2})
    assert refused.value.diag.message_hint == f"Measures are {', '.join(MEASURES)}."
    measure = "SELECT ml_meta.segment_measure('{\"recency_days\": 0}', 'recency_days')"
    assert connection.execute(measure).fetchone() == (float(FLOOR_DAYS),)


def test_segments_without_numbers_say_so(connection: ServingConnection) -> None:
    features = {"decayed_spend": 1, "spend_365d": 1}
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="no segments are live"):
        ask(connection, features)
    assigned = pl.DataFrame({"customer_id": [1], "segment_key": ["loyal"]})
    facts: dict[str, Any] = {"segments": segments(["loyal"]), "model_version": "imported-1"}
    release(connection, assigned, "segment_assignments", **facts)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="segments' model imported-1"):
        ask(connection, features)


def test_the_measures_of_orders_are_those_of_the_customer_features(
    connection: ServingConnection, grocer: pl.DataFrame
) -> None:
    orders = (
        journey().filter(pl.col("day") <= AS_OF).group_by("customer_id", "day", "order_id").agg(pl.col("amount").sum())
    )
    rows = orders.sort("customer_id", "day").group_by("customer_id", maintain_order=True).agg("day", "amount")
    chosen = rows.join(grocer, on="customer_id", maintain_order="left")[::12]
    query = "SELECT ml.segment_features(%s::date[], %s::float8[], %s::date)"
    for row in chosen.iter_rows(named=True):
        ((found,),) = connection.execute(query, [row["day"], row["amount"], AS_OF]).fetchall()
        expected = {name: row[name] for name in found}
        assert found == pytest.approx(expected, abs=2e-6), row["customer_id"]


def test_orders_before_the_look_back_and_after_the_day_do_not_count(connection: ServingConnection) -> None:
    query = "SELECT ml.segment_features(%s::date[], %s::float8[], %s::date)"
    days = [AS_OF - timedelta(days=400), AS_OF - timedelta(days=30), AS_OF, AS_OF + timedelta(days=1)]
    ((found,),) = connection.execute(query, [days, [1.0, 50.0, -20.0, 9.0], AS_OF]).fetchall()
    assert (found["orders_365d"], found["recency_days"], found["spend_90d"]) == (1, 30, 30.0)
    assert (found["mean_gap_days"], found["mean_order_value"]) == (None, 50.0)
    ((nothing,),) = connection.execute(query, [days[:1], [1.0], AS_OF]).fetchall()
    assert nothing == {}
    for wrong in ([days, [1.0]], [[None], [1.0]], [[AS_OF], ["NaN"]], [[AS_OF], ["-inf"]]):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="amounts of orders"):
            connection.execute(query, [*wrong, AS_OF])


@pytest.mark.parametrize("document", ["segments_in_sql.md"])
def test_the_examples_of_the_documents_run(connection: ServingConnection, document: str) -> None:
    go_live(connection, simple(), pl.DataFrame({"customer_id": [2498], "segment_key": ["loyal"]}))
    text = (Path(__file__).parents[2] / "docs" / document).read_text(encoding="utf-8")
    examples = [one for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) for one in block.split(";")[:-1]]
    assert len(examples) > 9
    for example in examples:
        connection.execute(example.encode())


def test_a_new_customers_orders_lead_to_a_segment_in_one_select(connection: ServingConnection) -> None:
    go_live(connection, simple(), pl.DataFrame({"customer_id": [1], "segment_key": ["loyal"]}))
    query = "SELECT ml.assign_segment(ml.segment_features(ARRAY[current_date]::date[], ARRAY[%s]::float8[]))"
    assert connection.execute(query, [5000.0]).fetchone() == ("champions",)
    assert connection.execute(query, [1.0]).fetchone() == ("loyal",)
    none = "SELECT ml.assign_segment(ml.segment_features('{}', '{}'))"
    assert connection.execute(none).fetchone() == (PROSPECTS,)
