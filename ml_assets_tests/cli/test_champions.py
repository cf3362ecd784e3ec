"""Champion and challenger over two weeks of a shop, and the commands that show, judge and overrule them."""

import json
from collections.abc import Iterator
from datetime import date

import pytest

from ml_assets_tests.cli.shops import Shop, running_shop

FIRST, SECOND = date(2024, 5, 24), date(2024, 5, 31)
ONLY_BEST_SELLERS = ("ML_ASSETS_RECOMMENDER__SELECTION__METHODS", '["popularity"]')


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose first week has a good model, and whose second may choose among best-sellers only."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("champions"), "champions") as made:
        assert made.call("run", "--date", FIRST.isoformat()) == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(*ONLY_BEST_SELLERS)
            assert made.call("run", "--date", SECOND.isoformat()) == 2
        yield made


def registered(shop: Shop, placement: str) -> list[tuple[object, ...]]:
    return shop.rows(
        "SELECT trained_through, method, decision, reason, facts, version FROM books_ml_meta.models "
        f"WHERE kind = 'recommender' AND placement = '{placement}' ORDER BY trained_through"
    )


def test_a_worse_challenger_is_refused_and_the_registry_says_why_with_numbers(shop: Shop) -> None:
    (_, good, promoted, _, _, _), (_, method, refused, reason, facts, _) = registered(shop, "discover")
    assert (promoted, refused, method) == ("promoted", "refused", "popularity")
    assert good != "popularity"
    assert "NDCG against the champion" in str(reason)
    assert isinstance(facts, dict)
    assert facts["gain_over_champion"] < -0.02
    assert facts["ndcg"] < facts["champion_ndcg"]


def test_a_refused_challenger_leaves_the_champion_scoring_fresh_data(shop: Shop) -> None:
    champion = registered(shop, "discover")[0][5]
    live = shop.rows("SELECT DISTINCT data_as_of, model_version FROM books_ml.recommendations")
    assert [row[0] for row in live] == [SECOND]
    assert f"discover: {champion}" in str(live[0][1])


def test_running_the_week_again_does_not_train_it_again(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("run", "--date", SECOND.isoformat()) == 0
    assert "training" not in capfd.readouterr().err


def test_models_lists_decisions_and_who_scores(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("models", "--json") == 0
    facts = json.loads(capfd.readouterr().out)
    scoring = [one for one in facts if one["placement"] == "discover" and one["scores"]]
    assert [one["trained_through"] for one in scoring] == ["2024-05-19"]
    assert {one["decision"] for one in facts} == {"promoted", "refused"}


def test_a_backtest_shows_the_champion_beside_everything_else(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("backtest", "--quick", "--json") == 0
    facts = json.loads(capfd.readouterr().out)
    roles = {(row["placement"], row["role"]) for row in facts["summary"]}
    assert roles >= {(placement, "champion") for placement in ("for_you", "discover", "buy_again")}
    assert "40 buyers" in facts["data"][0]
    assert shop.call("backtest", "--quick") == 0
    shown = capfd.readouterr().out
    assert "Discover, one window up to 2024-05-31" in shown
    assert "95 % interval" in shown


def test_a_backtest_of_a_day_outside_the_data_says_so(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("backtest", "--through", "2030-01-01") == 1
    assert "covers 2024-04-01 to 2024-05-31" in capfd.readouterr().err.replace("\n", " ")


def test_explain_shows_reasons_and_checks_them(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("explain", "c-001", "--placement", "discover", "--json") == 0
    rows = json.loads(capfd.readouterr().out)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert shop.call("explain", "--check", "--sample", "60", "--json") in {0, 2}
    facts = json.loads(capfd.readouterr().out)
    assert facts["checked"] >= 40
    assert facts["share"] > 0.9
    assert shop.call("explain", "nobody") == 1
    assert "no for_you list" in capfd.readouterr().err
    assert shop.call("explain") == 1


def test_a_promotion_by_force_needs_a_reason_and_keeps_it(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    version = str(registered(shop, "discover")[1][5])
    assert shop.call("promote", version, "discover", "--force", "  ") == 1
    assert "needs a reason" in capfd.readouterr().err
    assert shop.call("promote", "recommender-x", "discover", "--force", "because") == 1
    assert "no model recommender-x" in capfd.readouterr().err.replace("\n", " ")
    assert shop.call("promote", version, "discover", "--force", "The buyers asked for it.") == 0
    kept = shop.rows(
        "SELECT decision, forced_reason, forced_by IS NOT NULL, reason FROM books_ml_meta.models "
        f"WHERE version = '{version}' AND placement = 'discover'"
    )
    assert kept[0][:3] == ("promoted", "The buyers asked for it.", True)
    assert str(kept[0][3]).startswith("Refused")
    assert shop.call("promote", version, "discover", "--force", "again") == 1
    assert shop.call("run", "--date", SECOND.isoformat()) == 0
    sold = shop.rows("SELECT DISTINCT model_version FROM books_ml.recommendations")
    assert f"discover: {version}" in str(sold[0][0]) or sold[0][0] == version


def test_a_backfill_of_the_first_week_uses_the_champion_of_that_time(shop: Shop) -> None:
    assert shop.call("run", "--date", FIRST.isoformat()) == 0
    row = shop.rows(
        "SELECT model_version, state FROM books_ml.releases WHERE subject = 'recommendations' "
        f"AND data_as_of = '{FIRST}' ORDER BY release_id DESC LIMIT 1"
    )
    assert row == [(registered(shop, "discover")[0][5], "ready")]
