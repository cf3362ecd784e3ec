"""A campaign is learnt from an experiment, on the command line: whom it makes buy more, or that nobody is shown."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.outcomes import Outcomes, write_outcomes
from ml_assets.lake import Lake
from ml_assets_tests.cli.calls import Run
from ml_assets_tests.cli.test_serving_commands import facts, run  # noqa: F401 a fixture
from ml_assets_tests.releases.frames import assignments, recommendations, release, segments

CUSTOMERS = range(1, 1001)
DAY = date(2026, 1, 6)
ARMS = ("--arm", "no_mail=0.5", "--arm", "mail=0.5")


@pytest.fixture
def campaign(
    run: Run,  # noqa: F811
    connection: ServingConnection,
    tmp_path: Path,
) -> Run:
    """A mail that makes those buy more who were long away; they are the segment dormant."""
    lapsed = np.random.default_rng(3).random(len(CUSTOMERS)) < 0.5
    keys = ["dormant" if each else "loyal" for each in lapsed]
    release(connection, recommendations(CUSTOMERS), day=1)
    release(connection, assignments(keys), "segment_assignments", segments=segments())
    past = pl.DataFrame({"customer_id": CUSTOMERS, "orders": 3, "orders_90d": 1, "spend_90d": 5.0})
    recency = pl.Series("recency_days", np.where(lapsed, 60, 5))
    told = {"evening_share": pl.lit(0.5), "spend_in_pieces": pl.lit(value=False)}
    features = past.with_columns(recency, top_category=pl.lit("x"), **told)
    for day in (date(2026, 1, 5), date(2026, 1, 6)):
        Lake(tmp_path / ".ml_assets" / "lake").write("customer_features", features, day)
    assert facts(run, "experiment", "start", "mail_in_may", "--placement", "for_you", *ARMS)["customers"] == 1000
    for change in ("experiment_customers SET entered_on = '2026-01-06'", "experiment_days SET orders = 0"):
        connection.execute(f"UPDATE ml_store.{change}".encode())
    connection.execute("UPDATE ml_meta.experiments SET started_at = '2026-01-05', serving_since = '2026-01-05'")
    return run


def bought(connection: ServingConnection, *, works: bool) -> None:
    query = "SELECT customer_id, arm = 'mail' FROM ml.experiment_customers ORDER BY 1"
    mailed = np.array([row[1] for row in connection.execute(query.encode())])
    query = "SELECT segment_key = 'dormant' FROM ml.segment_assignments ORDER BY customer_id"
    lapsed = np.array([row[0] for row in connection.execute(query.encode())])
    orders = np.random.default_rng(4).poisson(0.5 + works * mailed * lapsed)
    frame = pl.DataFrame({"customer_id": CUSTOMERS, "orders": orders, "revenue": orders * 10.0})
    items = pl.DataFrame({"customer_id": [], "item_id": []}, schema={"customer_id": pl.Int64, "item_id": pl.Int64})
    write_outcomes(connection, DAY, Outcomes(frame.filter(pl.col("orders") > 0), items))


def test_those_who_buy_more_because_of_a_mail_are_shown_and_exported_first(
    campaign: Run, connection: ServingConnection, tmp_path: Path
) -> None:
    code, _, err = campaign("experiment", "uplift", "mail_in_may")
    assert code == 1
    assert "Nothing was bought yet" in err
    bought(connection, works=True)
    found = facts(campaign, "experiment", "uplift", "mail_in_may")
    assert found["is_shown"]
    assert found["verdict"].startswith("Customers differ in what mail does to them: the fifth that is predicted")
    assert "It still runs" in found["verdict"]
    assert [each["name"] for each in found["segments"]] == ["dormant", "loyal"]
    dormant, loyal = (each["effect"] for each in found["segments"])
    assert dormant["low"] > 5
    assert loyal["low"] < 0 < loyal["high"]
    code, out, _ = campaign("experiment", "uplift", "mail_in_may", "--plot", str(tmp_path / "curve.png"))
    assert code == 0
    assert "Qini curve" in out
    assert "--by uplift --experiment mail_in_may" in " ".join(out.split())
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    to = tmp_path / "mail.csv"
    by = ("--by", "uplift", "--experiment", "mail_in_may", "--output", str(to))
    assert facts(campaign, "export", "segments", *by)["rows"] == 1000
    rows = pl.read_csv(to)
    assert rows.columns == ["customer_id", "segment_key", "segment_name", "uplift", "uplift_fifth"]
    assert rows["uplift"].is_sorted(descending=True)
    assert rows["uplift_fifth"].value_counts(sort=True)["count"].to_list() == [200] * 5
    assert set(rows.head(400)["segment_key"]) == {"dormant"}


def test_nobody_is_shown_where_a_mail_does_nothing_and_no_order_by_chance_is_exported(
    campaign: Run, connection: ServingConnection, tmp_path: Path
) -> None:
    bought(connection, works=False)
    found = facts(campaign, "experiment", "uplift", "mail_in_may", code=2)
    assert found["verdict"].startswith("No effect found: neither on all (")
    code, _, err = campaign(
        "export", "segments", "--by", "uplift", "--experiment", "mail_in_may", "-o", str(tmp_path / "mail.csv")
    )
    assert code == 1
    assert "the order would be one by chance" in " ".join(err.split())
    assert not (tmp_path / "mail.csv").exists()
    for arguments, words in {
        ("experiment", "uplift", "mail_in_june"): "No experiment mail_in_june was ever started",
        ("experiment", "uplift", "mail_in_may", "--arm", "no_mail"): "compares mail with no_mail, and not no_mail",
        ("experiment", "uplift", "mail_in_may", "--plot", "curve.gif"): "does not end with .png",
        ("export", "segments", "--by", "uplift"): "belong together",
        ("export", "segments", "--experiment", "mail_in_may"): "belong together",
    }.items():
        code, _, err = campaign(*arguments)
        assert code == 1
        assert words in " ".join(err.split())
    connection.execute("DELETE FROM ml_store.experiment_customers WHERE customer_id % 3 > 0 AND arm = 'mail'")
    code, _, err = campaign("experiment", "uplift", "mail_in_may")
    assert code == 1
    assert "is not the one that was drawn" in err
