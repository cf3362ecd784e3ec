"""Assets of experiments: lists of arms are made, published behind their gates, shown, and their customers counted."""

from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from ml_assets.books.models import champion, register
from ml_assets.dagster.assets.arms import build_arm_assets
from ml_assets.dagster.assets.experiments import build_experiment_assets
from ml_assets.dagster.assets.models import build_model_assets
from ml_assets.dagster.assets.predictions import build_prediction_assets
from ml_assets.dagster.assets.releases import build_release_assets
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.entrants import drawn
from ml_assets.experiments.register import experiment, start, stop
from ml_assets.features.load import load_customer_features, load_interactions
from ml_assets.lake import Lake
from ml_assets.settings.experiments import ExperimentSettings, ExplorationSettings
from ml_assets.sources.base import EventSource
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named, on, ranked_by
from ml_assets_tests.dagster.assets.test_models_and_predictions import WEEK, lake  # noqa: F401 a fixture


@pytest.fixture
def database(
    shop: Shop,
    lake: Lake,  # noqa: F811
    source: EventSource,
    text_connection: ServingConnection,
) -> OpenDatabase:
    """With the recommender of the week."""
    database = OpenDatabase(text_connection)
    list(named(build_model_assets(shop), "recommender_model")(on(WEEK), lake=lake, source=source, serving=database))
    return database


def test_an_arm_gets_lists_of_its_method_of_an_older_model_and_of_a_challenger(
    shop: Shop,
    lake: Lake,  # noqa: F811
    database: OpenDatabase,
    text_connection: ServingConnection,
) -> None:
    interactions = load_interactions(lake, as_of=WEEK, settings=shop.settings)
    lake.write("interactions", interactions, WEEK)
    inputs = interactions.lazy(), lake.scan("items")
    features = load_customer_features(lake, as_of=WEEK, settings=shop.settings)

    def publish(name: str, frame: pl.DataFrame, day: date = WEEK) -> dg.MaterializeResult[None]:
        made = named(build_release_assets(shop), f"{name}_release")(on(day), frame.lazy(), lake=lake, serving=database)
        assert isinstance(made, dg.MaterializeResult)
        return made

    def lists_of_arms(day: date = WEEK) -> pl.DataFrame:
        made = named(build_arm_assets(shop), "arm_recommendations")(on(day), *inputs, lake=lake, serving=database)
        assert isinstance(made, pl.DataFrame)
        return made

    def count() -> dict[str, object]:
        asset = named(build_experiment_assets(shop), "experiment_customers")
        return dict(asset(on(WEEK), features.lazy(), lake=lake, serving=database).metadata)

    rank = named(build_prediction_assets(shop), "recommendations")
    live = rank(on(WEEK), *inputs, lake=lake, serving=database, **ranked_by(shop, "recommendations"))
    publish("recommendations", live)
    # Without an experiment there is nothing to make or to publish.
    empty = lists_of_arms()
    assert empty.is_empty()
    assert publish("arm_recommendations", empty).metadata == {"state": "none"}
    model = champion(text_connection, "recommender", WEEK, "for_you")
    assert model is not None
    arms = {
        "lists": {"share": 0.25},
        "often": {"share": 0.3, "list": "method:personal_frequency"},
        "before": {"share": 0.2, "list": f"model:{model.version}"},
        "tried": {"share": 0.25, "list": f"challenger:{model.method}"},
    }
    text_connection.execute("UPDATE x_ml_meta.shop SET timezone = 'UTC'")
    asked = ExperimentSettings.model_validate({"placement": "for_you", "arms": arms})
    start(text_connection, "methods", asked, shop.settings.tz)
    # Nobody could see lists of a day before it was started.
    assert lists_of_arms().is_empty()
    text_connection.execute("UPDATE x_ml_meta.experiments SET started_at = %s", [WEEK])
    # A challenger of which there is no model yet holds no other arm back.
    assert set(lists_of_arms()["arm"]) == {"methods.often", "methods.before"}
    register(text_connection, replace(model, version="tried", decision="on_trial"), {"data_fingerprint": "f"})
    made = lists_of_arms()
    customers = drawn(experiment(text_connection, "methods"), interactions["customer_id"].unique())
    for arm in ("often", "before", "tried"):
        theirs = made.filter(pl.col("arm") == f"methods.{arm}")
        assert set(theirs["customer_id"]) == set(customers.filter(pl.col("arm") == arm)["customer_id"])
    # Both models are that of everybody, so their lists are too.
    same = made.filter(pl.col("arm").is_in(["methods.before", "methods.tried"])).join(
        live.filter(pl.col("placement") == "for_you"), on="customer_id", suffix="_live"
    )
    assert same["item_ids"].to_list() == same["item_ids_live"].to_list()
    often = made.filter(pl.col("arm") == "methods.often")
    first = dict(often.select("customer_id", pl.col("item_ids").list.first()).iter_rows())
    counts = interactions.group_by("customer_id", "item_id").len()
    most = dict(counts.group_by("customer_id").agg(pl.col("len").max()).iter_rows())
    bought = {(customer, item): count for customer, item, count in counts.iter_rows()}
    # Weeks of the model apart, the first is what the customer buys most often.
    assert sum(bought.get((who, item), 0) >= most[who] - 1 for who, item in first.items()) > 0.8 * len(first)
    result = publish("arm_recommendations", made)
    assert result.metadata is not None
    assert (result.metadata["state"], result.check_results[0].passed) == ("live", True)
    counted = count()
    assert counted["begun"] == "methods"
    assert counted["methods"] == customers.height
    shown = "SELECT model_version FROM x_ml.recommend(%s, 'for_you') WHERE rank = 1"
    assert text_connection.execute(shown, [often["customer_id"][0]]).fetchone() == (made["model_version"][0],)
    stop(text_connection, "methods", "enough")
    assert lists_of_arms(WEEK + timedelta(days=1)).is_empty()


def test_lists_of_everybody_and_of_arms_explore_where_the_settings_say_so(
    shop: Shop,
    lake: Lake,  # noqa: F811
    database: OpenDatabase,
    text_connection: ServingConnection,
) -> None:
    inputs = load_interactions(lake, as_of=WEEK, settings=shop.settings).lazy(), lake.scan("items")
    arms = {"lists": {"share": 0.5}, "often": {"share": 0.5, "list": "method:personal_frequency"}}
    asked = ExperimentSettings.model_validate({"placement": "for_you", "arms": arms})
    start(text_connection, "methods", asked, shop.settings.tz)
    text_connection.execute("UPDATE x_ml_meta.experiments SET started_at = %s", [WEEK])
    exploring = shop.settings.experiments.model_copy(update={"exploration": ExplorationSettings(epsilon=0.3)})
    explores = replace(shop, settings=shop.settings.model_copy(update={"experiments": exploring}))
    for name, build in (("recommendations", build_prediction_assets), ("arm_recommendations", build_arm_assets)):
        where = ranked_by(explores, name)
        made = named(build(explores), name)(on(WEEK), *inputs, lake=lake, serving=database, **where)
        assert isinstance(made, pl.DataFrame)
        assert made["propensities"].list.len().equals(made["item_ids"].list.len())
        release = named(build_release_assets(explores), f"{name}_release")
        assert release(on(WEEK), made.lazy(), lake=lake, serving=database).metadata["state"] == "live"
    seen = "SELECT count(*) FROM x_ml.past_recommendations WHERE propensity < 0.5"
    assert text_connection.execute(seen).fetchall() > [(0,)]


def test_checks_name_missing_days_wrong_splits_and_arms_that_lose(
    shop: Shop,
    lake: Lake,  # noqa: F811
    text_connection: ServingConnection,
) -> None:
    database = OpenDatabase(text_connection)
    text_connection.execute("UPDATE x_ml_meta.shop SET timezone = 'UTC'")
    arms = {"lists": {"share": 0.5}, "nothing": {"share": 0.5, "list": "none"}}
    asked = ExperimentSettings.model_validate({"placement": "for_you", "arms": arms})
    start(text_connection, "worth", asked, shop.settings.tz)
    enter = """
        INSERT INTO x_ml_store.experiment_customers (experiment, customer_id, arm, entered_on, revenue_before)
        SELECT 'worth', %(arm)s || n, %(arm)s, %(day)s, 10 FROM generate_series(1, %(count)s) AS n
    """

    told_only = shop.settings.experiments.model_copy(update={"on_breach": "warn"})
    patient = replace(shop, settings=shop.settings.model_copy(update={"experiments": told_only}))

    def outcomes(of: Shop = patient) -> dict[str, str]:
        """The checks that fail, with what they say."""
        asset = named(build_experiment_assets(of), "experiment_outcomes")
        nothing = lake.scan("transactions", [(WEEK - timedelta(days=1)).isoformat()]).filter(pl.lit(value=False))
        result = asset(on(WEEK), nothing, lake=lake, serving=database)
        return {check.check_name: str(check.description) for check in result.check_results if not check.passed}

    for arm in arms:
        text_connection.execute(enter, {"arm": arm, "day": WEEK, "count": 200})
    assert outcomes() == {}
    # The one arm buys every day, the other never.
    bought = """
        INSERT INTO x_ml_store.experiment_days SELECT %s, 'lists' || n, 1, 10 + mod(n, 3), 0
        FROM generate_series(1, 200) AS n
    """
    text_connection.execute(bought, [WEEK + timedelta(days=1)])
    (words,) = outcomes().values()
    assert words.startswith("worth: nothing brings less revenue than lists after 1 day")
    assert experiment(text_connection, "worth").stopped_at is None
    text_connection.execute(enter.replace("|| n", "|| -n"), {"arm": "nothing", "day": WEEK, "count": 100})
    assert list(outcomes()) == ["splits_are_as_drawn"]
    # What is in the lake is made up for; what is not is named.
    text_connection.execute("UPDATE x_ml_store.experiment_customers SET entered_on = %s", [WEEK - timedelta(days=3)])
    load = "INSERT INTO x_ml_meta.source_days (day, row_count, fingerprint) VALUES (%s, 1, 'x')"
    for back in (2, 3):
        text_connection.execute(load, [WEEK - timedelta(days=back)])
    lake.path("transactions", WEEK - timedelta(days=2)).unlink()
    assert outcomes()["no_day_is_missing"] == f"Without outcomes: {WEEK - timedelta(days=2)}."
    # An arm that loses ends the experiment, unless the settings say otherwise, and not where the split is wrong.
    outcomes(shop)
    assert experiment(text_connection, "worth").stopped_at is None
    text_connection.execute("DELETE FROM x_ml_store.experiment_customers WHERE customer_id LIKE '%-%'")
    words = outcomes(shop)["guardrails_hold"]
    assert words.startswith("worth: stopped. nothing brings less revenue than lists")
    reason = str(experiment(text_connection, "worth").stopped_reason)
    assert reason.startswith("By itself, because of a guardrail. nothing brings less revenue than lists")
    assert "guardrails_hold" not in outcomes(shop)
