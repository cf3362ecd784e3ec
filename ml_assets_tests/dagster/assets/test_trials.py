"""The whole way of a trial: trained beside the champion, shown to some, judged by what they bought, scoring at last."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from ml_assets.books.models import RegisteredModel, champion, list_models
from ml_assets.dagster.assets.arms import build_arm_assets
from ml_assets.dagster.assets.experiments import build_experiment_assets
from ml_assets.dagster.assets.models import build_model_assets
from ml_assets.dagster.assets.predictions import build_prediction_assets
from ml_assets.dagster.assets.promotions import PROMOTED
from ml_assets.dagster.assets.releases import build_release_assets
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.register import experiment
from ml_assets.features.load import load_customer_features, load_interactions
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named, on, ranked_by
from ml_assets_tests.dagster.assets.test_models_and_predictions import WEEK, lake  # noqa: F401 a fixture

LIST, NAME = "discover", "challenger_discover_1"
SUNDAY = WEEK - timedelta(days=1)


def selecting(shop: Shop, **selection: Any) -> Shop:
    options = shop.settings.recommender
    chosen = options.selection.model_copy(update={"effort": "quick", **selection})
    recommender = options.model_copy(update={"selection": chosen})
    return replace(shop, settings=shop.settings.model_copy(update={"recommender": recommender}))


@dataclass
class TriedShop:
    """A shop whose assets are made one by one, as if its data ended today."""

    shop: Shop
    lake: Lake
    source: EventSource
    connection: ServingConnection

    def __post_init__(self) -> None:
        self.database = OpenDatabase(self.connection)

    def train(self, of: Shop, week: date) -> bool:
        """Whether every challenger is promoted, or on trial."""
        asset = named(build_model_assets(of), "recommender_model")
        *_, check = asset(on(week), lake=self.lake, source=self.source, serving=self.database)
        assert isinstance(check, dg.AssetCheckResult)
        return check.check_name == PROMOTED and bool(check.passed)

    def on_trial(self) -> dict[str, RegisteredModel]:
        models = list_models(self.connection, "recommender")
        return {one.placement: one for one in models if one.decision == "on_trial"}

    def scoring(self) -> RegisteredModel:
        found = champion(self.connection, "recommender", date.max, LIST)
        assert found is not None
        return found

    def publish(self, build: Any, name: str) -> pl.DataFrame:
        """The lists of the day, which are live then: of `LIST`, by customers."""
        inputs = self.lake.scan("interactions", [WEEK.isoformat()]), self.lake.scan("items")
        where = ranked_by(self.shop, name)
        made = named(build(self.shop), name)(on(WEEK), *inputs, lake=self.lake, serving=self.database, **where)
        assert isinstance(made, pl.DataFrame)
        release = named(build_release_assets(self.shop), f"{name}_release")
        result = release(on(WEEK), made.lazy(), lake=self.lake, serving=self.database)
        assert result.metadata["state"] == "live"
        return made.filter(pl.col("placement") == LIST).sort("customer_id")

    def enter(self) -> None:
        features = load_customer_features(self.lake, as_of=WEEK, settings=self.shop.settings).lazy()
        asset = named(build_experiment_assets(self.shop), "experiment_customers")
        asset(on(WEEK), features, lake=self.lake, serving=self.database)

    def end_the_day(self) -> bool:
        """Whether all checks on what came of experiments pass."""
        asset = named(build_experiment_assets(self.shop), "experiment_outcomes")
        nothing = self.lake.scan("transactions", [SUNDAY.isoformat()]).filter(pl.lit(value=False))
        made = asset(on(WEEK), nothing, lake=self.lake, serving=self.database)
        return all(one.passed for one in made.check_results)

    def sell_more(self) -> None:
        """More customers than this shop has, of whom those with the challenger's lists buy more."""
        enter = """
            INSERT INTO x_ml_store.experiment_customers (experiment, customer_id, arm, entered_on, revenue_before)
            SELECT %s, a.arm || n, a.arm, %s, 10
            FROM (VALUES ('champion'), ('challenger')) AS a (arm) CROSS JOIN generate_series(1, 300) AS n
        """
        self.connection.execute(enter, [NAME, WEEK])
        for number in range(1, 8):
            self.connection.execute("SELECT x_ml_meta.begin_outcomes(%s)", [WEEK + timedelta(days=number)])
        bought = """
            INSERT INTO x_ml_store.experiment_days
            SELECT %s, 'challenger' || n, 1, 10 + mod(n, 3), 0 FROM generate_series(1, 300) AS n
        """
        self.connection.execute(bought, [WEEK + timedelta(days=1)])


@pytest.fixture
def tried(
    shop: Shop,
    lake: Lake,  # noqa: F811
    source: EventSource,
    text_connection: ServingConnection,
) -> TriedShop:
    """Best-sellers score, and the week after another method is on trial."""
    made = TriedShop(selecting(shop, promotion="live"), lake, source, text_connection)
    made.train(selecting(shop, methods=["popularity"]), SUNDAY - timedelta(days=6))
    assert made.train(made.shop, WEEK)
    lake.write("interactions", load_interactions(lake, as_of=WEEK, settings=shop.settings), WEEK)
    text_connection.execute("UPDATE x_ml_meta.models SET registered_at = %s", [WEEK])
    text_connection.execute("UPDATE x_ml_meta.shop SET timezone = 'UTC'")
    return made


def test_another_method_is_shown_to_some_and_scores_once_they_buy_more(
    tried: TriedShop, text_connection: ServingConnection
) -> None:
    challenger = tried.on_trial()[LIST]
    scoring = tried.scoring()
    assert (scoring.method, scoring.trained_through) == ("popularity", challenger.trained_through)
    assert challenger.method != "popularity"
    assert "is on trial" in scoring.reason

    usual = tried.publish(build_prediction_assets, "recommendations")
    assert tried.end_the_day()
    assert experiment(text_connection, NAME).serving_since is None
    text_connection.execute("UPDATE x_ml_meta.experiments SET started_at = %s", [WEEK])
    theirs = tried.publish(build_arm_assets, "arm_recommendations")
    assert set(theirs["arm"]) == {f"{NAME}.challenger"}
    assert 0 < theirs.height < usual.height
    tried.enter()
    assert experiment(text_connection, NAME).serving_since is not None
    both = theirs.join(usual, on="customer_id", suffix="_usual").filter(pl.col("item_ids") != pl.col("item_ids_usual"))
    customer, items = both.select("customer_id", "item_ids").row(0)
    shown = "SELECT item_id FROM x_ml.recommend(%s, 'discover') ORDER BY rank"
    seen = [item for (item,) in text_connection.execute(shown, [customer]).fetchall()]
    assert seen == items[: len(seen)] != []

    tried.sell_more()
    assert tried.end_the_day()
    winner = tried.scoring()
    assert winner.version == challenger.version
    assert str(winner.trial_reason).startswith("Promoted by customers: challenger brings more revenue than champion")
    assert experiment(text_connection, NAME).stopped_at is not None
    assert LIST not in tried.on_trial()
    # From the next lists on everybody sees it.
    now = tried.publish(build_prediction_assets, "recommendations")
    assert now.filter(pl.col("customer_id") == customer)["item_ids"].to_list() == [items]
