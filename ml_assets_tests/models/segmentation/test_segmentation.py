"""Segmentation: what is learned, how it is applied, and what happens in odd shops."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.cluster import KMeans
from sklearn.preprocessing import QuantileTransformer

from ml_assets.errors import UserError
from ml_assets.features.customers import build_customer_features
from ml_assets.models.segmentation.inputs import DEFAULT, Past, input_matrix
from ml_assets.models.segmentation.model import SegmentationModel, assign
from ml_assets.models.segmentation.names import NAMES
from ml_assets.models.segmentation.profiles import with_value
from ml_assets.models.segmentation.scaling import QuantileScaler
from ml_assets.models.segmentation.train import train_segmentation
from ml_assets.settings.segmentation import SegmentationSettings
from ml_assets_tests.features.lines import day, journey, line, lines

SETTINGS = SegmentationSettings()
AS_OF = date(2017, 11, 30)
SEGMENT_COLUMNS = {
    "segment_key": pl.String,
    "segment_name": pl.String,
    "description": pl.String,
    "customers": pl.Int64,
    "share": pl.Float64,
    "median_recency_days": pl.Float64,
    "median_orders_90d": pl.Float64,
    "median_spend_90d": pl.Float64,
    "median_spend_365d": pl.Float64,
    "median_tenure_days": pl.Float64,
}


def features_of(transactions: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    return build_customer_features(transactions, None, as_of=as_of, lookback_days=400).collect()


def train(features: pl.DataFrame, settings: SegmentationSettings = SETTINGS) -> SegmentationModel:
    return train_segmentation(features, trained_through=AS_OF, settings=settings)


@pytest.fixture(scope="module")
def grocer() -> pl.DataFrame:
    """The customer features of the real shop."""
    return features_of(journey().lazy(), AS_OF)


@pytest.fixture(scope="module")
def model(grocer: pl.DataFrame) -> SegmentationModel:
    return train(grocer)


def test_the_real_shop_gets_sound_segments_with_telling_names(model: SegmentationModel, grocer: pl.DataFrame) -> None:
    metrics = model.card.metrics
    assert model.keys == ("champions", "loyal", "active", "promising", "almost_lost")
    assert metrics["silhouette"] > 0.45
    assert metrics["stability"] > 0.8
    assert metrics["smallest_share"] > 0.1
    assert metrics["truthful_names"] == 1
    _, segments = assign(model, grocer)
    assert segments["median_spend_90d"].is_sorted(descending=True)
    assert segments["median_recency_days"].is_sorted()


def test_the_card_reports_every_number_of_segments_that_was_tried(model: SegmentationModel) -> None:
    figures = ("silhouette", "stability", "davies_bouldin", "smallest_share", "truthful_names", "jaccard")
    tried = {f"{start}k{k}_{name}" for start in ("", "mixture_") for k in range(4, 8) for name in figures}
    assert tried <= set(model.card.metrics)
    assert model.card.name == "segmentation"
    assert model.card.version.startswith("segmentation-2017-12-01-")
    assert model.card.trained_through == AS_OF


def test_training_again_on_shuffled_rows_gives_the_same_model(grocer: pl.DataFrame) -> None:
    settings = SegmentationSettings(k_min=4, k_max=5)
    model, again = (train(frame, settings) for frame in (grocer, grocer.sample(fraction=1, shuffle=True, seed=3)))
    assert again.card.version == model.card.version
    assert again.card.metrics == model.card.metrics
    assert np.array_equal(again.clusters.centers, model.clusters.centers)
    assert np.array_equal(again.scaler.knots, model.scaler.knots)


@pytest.mark.long
def test_another_seed_is_another_version_of_nearly_the_same_segments(
    model: SegmentationModel, grocer: pl.DataFrame
) -> None:
    other = train(grocer, SegmentationSettings(seed=7))
    assert other.card.version != model.card.version
    same = assign(other, grocer)[0]["segment_key"] == assign(model, grocer)[0]["segment_key"]
    assert int(same.sum()) > 0.9 * len(same)


def test_the_assignment_equals_scikit_learn(model: SegmentationModel, grocer: pl.DataFrame) -> None:
    values = input_matrix(grocer, DEFAULT)
    scaler = QuantileTransformer(n_quantiles=101, subsample=None).fit(values)
    strangers = np.random.default_rng(1).exponential(values.mean(axis=0), size=(2000, 2)) - 20
    clusters = KMeans(len(model.keys), n_init=10, random_state=SETTINGS.seed).fit(scaler.transform(values))
    clusters.cluster_centers_ = np.ascontiguousarray(model.clusters.centers)
    for one in (values, strangers, np.zeros((1, 2))):
        assert np.array_equal(model.scaler.transform(one), scaler.transform(one))
        expected = [model.keys[label] for label in clusters.predict(scaler.transform(one))]
        features = pl.DataFrame(one, schema=list(DEFAULT)).with_columns(customer_id=pl.int_range(len(one)))
        assert model.assign(features).to_list() == expected


def test_scaling_equals_scikit_learn_where_many_values_are_equal() -> None:
    values = np.random.default_rng(2).integers(0, 4, size=(500, 2)).astype(float) ** 3
    scaler = QuantileTransformer(n_quantiles=101, subsample=None).fit(values)
    probes = np.linspace(-3, 30, 400).repeat(2).reshape(-1, 2)
    assert np.array_equal(QuantileScaler.fit(values).transform(probes), scaler.transform(probes))


def test_a_model_survives_saving_and_loading(model: SegmentationModel, grocer: pl.DataFrame, tmp_path: Path) -> None:
    checksum = model.save(tmp_path / "model")
    loaded = SegmentationModel.load(tmp_path / "model", checksum)
    assert loaded.card == model.card
    for one, other in zip(assign(loaded, grocer), assign(model, grocer), strict=True):
        assert_frame_equal(one, other)


def test_every_customer_has_one_segment_and_the_profiles_add_up(model: SegmentationModel, grocer: pl.DataFrame) -> None:
    assignments, segments = assign(model, grocer)
    assert dict(segments.schema) == SEGMENT_COLUMNS
    assert assignments.columns == ["customer_id", "segment_key"]
    assert assignments["customer_id"].equals(grocer["customer_id"])
    counts = dict(assignments["segment_key"].value_counts().iter_rows())
    assert {key: counts[key] for key in model.keys} == dict(segments.select("segment_key", "customers").iter_rows())
    assert segments["share"].sum() == pytest.approx(1)
    champions = grocer.filter(assignments["segment_key"] == "champions")
    assert segments["median_spend_365d"][0] == champions["spend_365d"].median()
    assert segments["description"][0].startswith("Buys every 3 days, spends 4 times the median, last seen 2 days ago")
    assert set(segments["segment_name"]) == {"Champions", "Loyal", "Active", "Promising", "Almost lost"}


def test_without_amounts_profiles_tell_of_pieces_and_of_no_spend(
    model: SegmentationModel, grocer: pl.DataFrame
) -> None:
    """Pieces decide as money would; nothing that people read calls them spend."""
    assignments, segments = assign(model, grocer.with_columns(spend_in_pieces=True))
    assert assignments.equals(assign(model, grocer)[0])
    assert dict(segments.schema) == SEGMENT_COLUMNS
    assert segments["median_spend_90d"].null_count() == segments["median_spend_365d"].null_count() == segments.height
    assert segments["description"][0].startswith("Buys every 3 days, takes 4 times as many pieces as the median, last")
    assert not segments["description"].str.contains("spen[dt]").any()
    nobody_knows = assignments.with_columns(alive_probability=0.5, expected_spend_90d=pl.lit(None, pl.Float64))
    valued = with_value(segments, nobody_knows)
    assert valued["total_expected_spend_90d"].null_count() == valued.height
    assert set(valued["mean_alive_probability"]) == {0.5}


def test_the_expected_spend_of_a_segment_without_customers_is_nothing(
    model: SegmentationModel, grocer: pl.DataFrame
) -> None:
    assignments, segments = assign(model, grocer.sort("spend_365d").tail(5))
    valued = with_value(segments, assignments.with_columns(alive_probability=0.5, expected_spend_90d=2.0))
    assert valued["total_expected_spend_90d"].to_list() == [10.0, 0.0, 0.0, 0.0, 0.0]
    assert valued["mean_expected_spend_90d"].to_list() == [2.0, None, None, None, None]


def test_frozen_numbers_keep_customers_where_they_are_from_day_to_day(
    model: SegmentationModel, grocer: pl.DataFrame
) -> None:
    tomorrow = features_of(journey().lazy(), AS_OF + timedelta(days=1))
    today, next_day = assign(model, grocer)[0], assign(model, tomorrow)[0]
    both = today.join(next_day, on="customer_id")
    assert int((both["segment_key"] != both["segment_key_right"]).sum()) < 0.03 * both.height


def test_only_the_columns_that_training_reads_make_its_version(grocer: pl.DataFrame) -> None:
    settings = SegmentationSettings(k_min=4, k_max=4)
    some = grocer.head(200)
    plain, labelled, richer = (
        train(frame, settings).card.version
        for frame in (
            some,
            some.with_columns(top_category=pl.lit("x")),
            some.with_columns(pl.col("spend_365d") + pl.col("recency_days")),
        )
    )
    assert labelled == plain
    assert richer != plain


def test_a_segment_that_nobody_is_in_keeps_its_row(model: SegmentationModel, grocer: pl.DataFrame) -> None:
    rich = grocer.sort("spend_365d").tail(5)
    segments = assign(model, rich)[1]
    assert segments["customers"].to_list() == [5, 0, 0, 0, 0]
    assert segments["median_recency_days"].null_count() == 4
    assert "Nobody" in segments["description"][4]


@pytest.mark.parametrize("customers", [1, 2, 5, 9, 12, 24])
def test_a_tiny_shop_gets_few_segments_and_no_crash(customers: int) -> None:
    rows = [
        line(f"c{number}", "i", 90 - number * visit, amount=1.0 + number**2)
        for number in range(customers)
        for visit in range(3)
    ]
    features = features_of(lines(*rows, ids=pl.String), day(95))
    model = train(features)
    assignments, segments = assign(model, features)
    assert len(model.keys) <= max(1, customers // 5)
    assert assignments.height == customers
    assert segments["customers"].sum() == customers
    if customers < 10:
        assert model.keys == ("active",)


@pytest.mark.parametrize(
    "odd",
    [
        pl.when(pl.col("customer_id") == 1).then(10_000_000.0).otherwise(pl.col("spend_365d")).alias("spend_365d"),
        pl.lit(5.0).alias("spend_365d"),
        pl.lit(float("nan")).alias("decayed_spend"),
        pl.when(pl.col("customer_id") % 2 == 0).then(float("nan")).otherwise(pl.col("spend_365d")).alias("spend_365d"),
        (-pl.col("spend_365d")).alias("spend_365d"),
        pl.lit(0).alias("tenure_days"),
    ],
    ids=["a whale", "all spend the same", "all NaN", "half NaN", "all in debt", "all of today"],
)
def test_odd_values_give_sensible_segments(odd: pl.Expr) -> None:
    rows = [
        line(number, 1, visit * 9 + number % 5, amount=1.0 + number)
        for number in range(1, 90)
        for visit in range(1 + number % 6)
    ]
    features = features_of(lines(*rows), day(80)).with_columns(odd)
    model = train(features)
    assignments, segments = assign(model, features)
    assert np.isfinite(model.clusters.centers).all()
    assert set(model.keys) <= set(NAMES)
    assert len(set(model.keys)) == len(model.keys)
    assert segments["customers"].sum() == assignments.height == 89


def test_customers_who_are_all_alike_are_one_segment() -> None:
    features = features_of(lines(*(line(number, 1, 3) for number in range(200))), day(5))
    model = train(features)
    assert model.keys == ("active",)
    assert assign(model, features)[1]["share"].to_list() == [1.0]


def test_two_kinds_of_customers_are_at_most_two_segments() -> None:
    rows = [line(number, 1, 3, amount=1.0 if number % 2 else 50.0) for number in range(200)]
    features = features_of(lines(*rows), day(5))
    model = train(features)
    assert len(model.keys) == 2
    assert assign(model, features)[1]["customers"].to_list() == [100, 100]


def test_newcomers_of_an_old_shop_are_called_new() -> None:
    rows = [line(number, 1, visit * 7, amount=5.0 + number) for number in range(60) for visit in range(50)]
    rows += [line(1000 + number, 1, 330 + number % 15, amount=4.0 + number / 100) for number in range(40)]
    model = train(features_of(lines(*rows), day(350)))
    assert model.keys[0] == "champions"
    assert model.keys[-1] == "new"


def test_nobody_to_segment_is_a_users_error_that_names_the_day() -> None:
    with pytest.raises(UserError, match="no customers to segment up to 2017-11-30"):
        train(features_of(lines(), AS_OF))


def test_the_settings_bound_the_number_of_segments(grocer: pl.DataFrame) -> None:
    for k in (3, 8):
        model = train(grocer, SegmentationSettings(k_min=k, k_max=k))
        assert len(model.keys) == k
        assert set(model.keys) <= set(NAMES)


def test_a_model_says_how_many_customers_would_have_moved_in_the_last_four_weeks(grocer: pl.DataFrame) -> None:
    restless = grocer.with_columns(pl.col("decayed_spend", "spend_365d").shuffle(seed=1))
    settings = SegmentationSettings(k_min=4, k_max=4, inputs=["decayed_spend", "spend_365d"])
    still, moving = (
        train_segmentation(grocer, trained_through=AS_OF, settings=settings, past=Past(then, grocer))
        for then in (grocer, restless)
    )
    assert still.card.metrics["moved"] == 0
    assert moving.card.metrics["moved"] > 0.3
