"""What another list would have brought: from lists that were published with their propensities, and what was bought."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.books.models import RegisteredModel, register
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.entrants import enter_customers
from ml_assets.experiments.register import start
from ml_assets.lake import Lake
from ml_assets.live.logged import Asked
from ml_assets.live.off_policy_report import OffPolicyReport, in_lower_half, off_policy_report
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.training import artifact_folder
from ml_assets.settings.experiments import ExperimentSettings, ExplorationSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.live.shop import load_shop, publish_lists
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop

WITHIN, DAYS = 7, 5
NEWEST = END - timedelta(days=WITHIN)
"""The newest day of data whose lists can be judged."""
TRAINED = NEWEST - timedelta(days=DAYS + 1)
K = 5


@dataclass(frozen=True)
class ExploredShop:
    """A shop that has explored for some days."""

    connection: ServingConnection
    lake: Lake
    settings: Settings
    lines: pl.DataFrame

    def ask(self, shown: str = "live", **more: Any) -> OffPolicyReport:
        asked = Asked(shown, more.pop("placement", "for_you"), within=WITHIN, **more)
        return off_policy_report(self.connection, self.lake, self.settings, asked)


@pytest.fixture
def shop(connection: ServingConnection, tmp_path: Path) -> ExploredShop:
    return explored_shop(connection, tmp_path)


def explored_shop(connection: ServingConnection, home: Path, *, epsilon: float = 0.4, stored: int = 40) -> ExploredShop:
    """Lists that draw from what is stored behind them; by default from all items there are."""
    settings = studies.quick_settings(stored=stored).model_copy(update={"home": home / ".ml_assets"})
    lines, lake = made_shop(customers=150), Lake.of(settings)
    load_shop(connection, lake, lines)
    made = ExploredShop(connection, lake, settings, lines)
    model = trained(made, TRAINED)
    for number in range(DAYS):
        publish_lists(connection, lists(made, model, day_of(number), epsilon), day_of(number))
    return made


def day_of(number: int) -> date:
    return NEWEST - timedelta(days=DAYS - 1 - number)


def trained(shop: ExploredShop, through: date) -> RecommenderModel:
    """A model in the registry and in the lake, promoted for every list."""
    options = shop.settings.recommender
    interactions = as_interactions(shop.lines, through)
    model = studies.train(interactions, catalogue(), options, through=through)
    artifact = f"models/recommender/{model.card.version}"
    checksum = model.save(artifact_folder(shop.lake, artifact))
    for placement, method in studies.METHODS.items():
        entry = RegisteredModel(
            kind="recommender", version=model.card.version, trained_through=through, artifact=artifact,
            checksum=checksum, decision="promoted", reason="best", parameters={}, metrics={}, placement=placement,
            method=method,
        )  # fmt: skip
        register(shop.connection, entry, {"data_fingerprint": "x"})
    return model


def lists(shop: ExploredShop, model: RecommenderModel, day: date, epsilon: float) -> pl.DataFrame:
    made = recommend(
        dict.fromkeys(model.methods, model),
        as_interactions(shop.lines, day),
        catalogue(),
        as_of=day,
        settings=shop.settings.recommender,
        exploration=ExplorationSettings(epsilon=epsilon),
    )
    return made.lists


def bought_of(shop: ExploredShop) -> pl.DataFrame:
    """day, customer_id and item_id of what was bought in the week after each day."""
    found = [
        shop.lines.filter(pl.col("day").is_between(day_of(n) + timedelta(days=1), day_of(n) + timedelta(days=WITHIN)))
        .select("customer_id", "item_id")
        .unique()
        .with_columns(day=pl.lit(day_of(n)))
        for n in range(DAYS)
    ]
    return pl.concat(found)


def published(shop: ExploredShop) -> pl.DataFrame:
    query = """
        SELECT data_as_of, customer_id, item_id, propensity::float8 FROM ml.past_recommendations
        WHERE placement = 'for_you'
    """
    schema = ["day", "customer_id", "item_id", "propensity"]
    return pl.DataFrame(shop.connection.execute(query).fetchall(), schema=schema, orient="row")


def test_the_list_without_exploring_is_estimated_as_plain_sql_would(shop: ExploredShop) -> None:
    found = shop.ask()
    assert (found.first, found.last, found.never_live) == (day_of(0), NEWEST, 0)
    # It is what is mostly shown, so every list could have been it.
    assert found.lists == found.supported == found.estimates.lists > 500
    assert found.estimates.items == found.lists * K
    shown = published(shop).join(bought_of(shop), on=["day", "customer_id", "item_id"], how="semi")
    assert found.estimates.shown.estimate == pytest.approx(shown.height / found.lists)
    # Items that were drawn are shown with a probability below a half.
    kept = shown.filter(pl.col("propensity") > 0.5)
    ips = kept.select((1 / pl.col("propensity")).sum()).item() / found.lists
    assert found.estimates.ips.worth.estimate == pytest.approx(ips, rel=1e-6)
    assert found.estimates.ips.difference.estimate == pytest.approx(ips - shown.height / found.lists, rel=1e-5)
    assert found.estimates.effective_items < found.estimates.items
    assert "live list without exploring" in found.verdict


def test_another_method_is_judged_by_the_lists_that_could_have_shown_it(shop: ExploredShop) -> None:
    found = shop.ask("method:personal_frequency")
    assert 150 < found.supported <= found.lists
    assert found.estimates.lists == found.supported
    same = shop.ask("method:personal_frequency", days=2)
    assert (same.first, same.lists < found.lists) == (day_of(DAYS - 2), True)
    model = trained(shop, TRAINED - timedelta(days=7))
    assert shop.ask(f"model:{model.card.version}").supported > 150


def test_every_list_can_say_what_another_method_brings_in_its_lower_half(
    connection: ServingConnection, tmp_path: Path
) -> None:
    # So few candidates that other methods rarely agree.
    shop = explored_shop(connection, tmp_path, stored=K + 3)
    found = shop.ask("method:popularity", lower_half=True)
    assert found.supported == found.lists > 500
    assert found.estimates.items == found.lists * K
    assert "with method:popularity in its lower half" in found.verdict
    assert shop.ask(lower_half=True) == shop.ask()


def test_the_lower_half_is_filled_by_rank_whatever_was_drawn() -> None:
    candidates = {10: 1.0, 11: 1.0, 12: 0.6, 13: 0.6, 14: 0.4, 15: 0.4, 16: 0.0}
    ranked = pl.DataFrame({"customer_id": [1, 1, 1], "item_id": [15, 16, 13], "rank": [1, 2, 3]})
    for shown in ([10, 11, 12, 13], [10, 11, 15, 14]):
        order = [*shown, *(item for item in candidates if item not in shown)]
        stored = pl.DataFrame(
            {
                "customer_id": 1,
                "item_id": order,
                "propensity": [candidates[item] for item in order],
                "is_shown": [True] * 4 + [False] * 3,
            }
        )
        assert in_lower_half(stored, ranked)["item_id"].to_list() == [10, 11, 15, 13]
        # Where it ranks too few, those that are mostly shown follow.
        assert in_lower_half(stored, ranked.head(1))["item_id"].to_list() == [10, 11, 15, 12]


def test_a_model_is_not_judged_by_days_that_it_was_trained_on(shop: ExploredShop) -> None:
    model = trained(shop, day_of(3))
    found = shop.ask(f"model:{model.card.version}")
    assert (found.first, found.last) == (day_of(4), NEWEST)
    newest = trained(shop, END)
    with pytest.raises(UserError, match=r"on a day after model:.* was trained of which the 7 days since are known"):
        shop.ask(f"model:{newest.card.version}")
    with pytest.raises(UserError, match=r"There is no recommender of the version 1999"):
        shop.ask("model:1999")


def test_nothing_is_said_where_nothing_explored(connection: ServingConnection, tmp_path: Path) -> None:
    shop = explored_shop(connection, tmp_path, epsilon=0.0)
    with pytest.raises(UserError, match=r"No list for_you that explored was shown on a day") as refused:
        shop.ask()
    assert refused.value.code == "experiment.refused"
    assert "experiments.exploration.epsilon" in refused.value.next_step


def test_nothing_is_said_of_a_list_that_could_hardly_have_been_shown(
    connection: ServingConnection, tmp_path: Path
) -> None:
    # One candidate behind the list is all there is to draw from.
    small = explored_shop(connection, tmp_path, stored=K + 1)
    with pytest.raises(UserError, match=r"could have shown all that method:popularity names; at least 30") as refused:
        small.ask("method:popularity")
    assert "recommender.stored" in refused.value.next_step
    # What was shown mostly can still be told.
    assert small.ask().supported > 500


def test_days_whose_lists_are_gone_are_told(shop: ExploredShop) -> None:
    assert shop.ask().not_kept == 0
    shop.connection.execute("UPDATE ml_meta.releases SET dropped_at = now() WHERE data_as_of < %s", [NEWEST])
    found = shop.ask()
    assert (found.first, found.not_kept) == (NEWEST, DAYS - 1)
    shop.connection.execute("UPDATE ml_meta.releases SET dropped_at = now()")
    with pytest.raises(UserError, match=r"The lists of 5 days before are not kept any more") as refused:
        shop.ask()
    assert "serving.keep_releases" in refused.value.next_step


def test_who_saw_something_else_says_nothing(shop: ExploredShop) -> None:
    whole = shop.ask()
    shop.connection.execute("INSERT INTO ml_meta.opt_outs SELECT n FROM generate_series(1, 10) AS n")
    fewer = shop.ask()
    assert 0 < whole.estimates.customers - fewer.estimates.customers <= 10
    arms: Any = {"lists": {"share": 0.5}, "nothing": {"share": 0.5, "list": "none"}}
    start(shop.connection, "worth", ExperimentSettings(placement="for_you", arms=arms), ZoneInfo("UTC"))
    enter_customers(shop.connection, None)
    assert shop.ask().estimates.customers == fewer.estimates.customers
    # It was so on the days that are looked at.
    shop.connection.execute("UPDATE ml_store.experiment_customers SET entered_on = %s", [day_of(0)])
    half = shop.ask().estimates.customers
    assert 0.3 * fewer.estimates.customers < half < 0.7 * fewer.estimates.customers
    # What the other list is about does not matter.
    assert shop.ask(placement="discover").estimates.customers > half


def test_only_lists_that_were_looked_at_count_where_that_is_asked(shop: ExploredShop) -> None:
    with pytest.raises(UserError, match=r"shown to customers of whom an application told so on a day"):
        shop.ask(exposed=True)
    tell = """
        INSERT INTO ml_store.exposures (shown_on, customer_id, placement, first_at, last_at)
        SELECT %s, n, 'for_you', now(), now() FROM generate_series(1, 60) AS n
    """
    live = NEWEST + timedelta(days=1)
    part = f"exposures_{live:%Y%m%d}"
    shop.connection.execute(
        f"CREATE TABLE ml_store.{part} PARTITION OF ml_store.exposures "
        f"FOR VALUES FROM ('{live}') TO ('{live + timedelta(days=1)}')".encode()
    )
    shop.connection.execute(tell, [live])
    found = shop.ask(exposed=True)
    # Not all of them have a list.
    assert (found.first, 50 < found.lists <= 60) == (NEWEST, True)
