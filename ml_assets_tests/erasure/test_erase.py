"""An erased person is nowhere, leaves a receipt, and does not come back."""

import hashlib
from collections import Counter
from contextlib import nullcontext
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from ml_assets.books.erased import without_erased
from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.erase import erase
from ml_assets.erasure.files import Alone, count_in_lake, erase_from_lake
from ml_assets.errors import UserError
from ml_assets.events.load import load_days
from ml_assets.features.as_known import SUPERSEDED, keep_superseded
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets_tests.releases.frames import assignments, recommendations, release, segments

DAY = date(2026, 1, 5)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def fill(connection: ServingConnection, settings: Settings) -> Lake:
    """Customers 1 to 3 in two releases of each subject, one of them retired, in tables, in the lake and in exports."""
    for day in (0, 1, 1):
        release(connection, recommendations(), day=day)
        release(connection, assignments(), "segment_assignments", day=day, segments=segments())
    connection.execute("INSERT INTO ml_meta.purchases SELECT c, 11 FROM generate_series(1, 3) c")
    connection.execute("INSERT INTO ml_meta.opt_outs VALUES (2)")
    connection.execute("CREATE TABLE ml_meta.of_a_later_version (customer_id bigint)")
    connection.execute("INSERT INTO ml_meta.of_a_later_version VALUES (1), (2)")
    lake = Lake.of(settings)
    frame = pl.DataFrame({"customer_id": [1, 2, 2, None], "item_id": [11, 12, 13, 14]})
    for asset in ("transactions", "quarantined_transactions", "interactions", "recommendations"):
        for partition in ("2026-01-05", "2026-01-06"):
            lake.write(asset, frame, partition)
    # A version of a day that was corrected later.
    keep_superseded(lake, DAY, "polars-1.0:1f-2e")
    lake.write("items", pl.DataFrame({"item_id": [1, 2], "item_name": ["a", "b"]}))
    exports = settings.home / "exports" / "march"
    exports.mkdir(parents=True)
    frame.write_csv(exports / "lists.csv")
    frame.write_parquet(exports / "lists.parquet")
    (exports / "notes.csv").write_text("word,count\nhello,2\n")
    model = lake.root / "models" / "recommender" / "m"
    model.mkdir(parents=True)
    np.savez(str(model / "arrays.npz"), items=np.array([1, 2, 3]))
    return lake


def everything(connection: ServingConnection, lake: Lake, settings: Settings) -> list[Any]:
    tables = connection.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE a.attname = 'customer_id' AND c.relkind = 'r' AND c.relnamespace::regnamespace::text LIKE 'ml%'"
    ).fetchall()
    found = [row[0] for (name,) in tables for row in connection.execute(f"SELECT customer_id FROM {name}").fetchall()]
    for path in [*lake.root.rglob("*.parquet"), *(settings.home / "exports").rglob("*.parquet")]:
        frame = pl.read_parquet(str(path))
        found += frame["customer_id"].to_list() if "customer_id" in frame.columns else []
    found += pl.read_csv(settings.home / "exports" / "march" / "lists.csv")["customer_id"].to_list()
    return found


def test_an_erased_person_is_nowhere_and_everybody_else_is_where_they_were(
    connection: ServingConnection, settings: Settings
) -> None:
    lake = fill(connection, settings)
    before = everything(connection, lake, settings)
    assert before.count(2) > 20
    receipt = erase(connection, settings, "2", verify=True)
    assert everything(connection, lake, settings) == [each for each in before if each != 2]
    assert receipt.found == {}
    assert receipt.removed == {
        "exports": 4,
        "lake/interactions": 4,
        "lake/quarantined_transactions": 4,
        "lake/recommendations": 4,
        "lake/superseded_transactions": 2,
        "lake/transactions": 4,
        "of_a_later_version": 1,
        "opt_outs": 1,
        "purchases": 1,
        "recommendations": 6,
        "segment_assignments": 3,
        "segment_history": 1,
    }
    assert (settings.home / "exports" / "march" / "notes.csv").read_text() == "word,count\nhello,2\n"


def test_the_receipt_tells_nobody_who_it_was_but_whoever_asks_for_one_id(
    connection: ServingConnection, settings: Settings
) -> None:
    fill(connection, settings)
    receipt = erase(connection, settings, "2", verify=True)
    row = connection.execute(
        "SELECT encode(customer_hash, 'hex'), verified, erased_by FROM ml_meta.erasures"
    ).fetchone()
    assert row == (receipt.customer_hash, True, "postgres")
    erased = connection.execute("SELECT ml_meta.is_erased('2'), ml_meta.is_erased('1'), ml_meta.is_erased('22')")
    assert erased.fetchone() == (True, False, False)
    (salt,) = connection.execute("SELECT salt FROM ml_meta.erasure_salt").fetchone() or (b"",)
    assert len(salt) == 32
    assert hashlib.sha256(salt + b"2").hexdigest() == receipt.customer_hash
    some = pl.DataFrame({"customer_id": [1, 2, 3, None]})
    assert without_erased(connection, some)["customer_id"].to_list() == [1, 3, None]


def test_erasing_again_finds_nothing_and_does_no_harm(connection: ServingConnection, settings: Settings) -> None:
    fill(connection, settings)
    erase(connection, settings, "2", verify=False)
    again = erase(connection, settings, "2", verify=True)
    assert (again.removed, again.found) == ({}, {})
    assert erase(connection, settings, "99", verify=True).found == {}


def test_an_erased_person_does_not_come_back_by_publishing_nor_by_tables(
    connection: ServingConnection, settings: Settings
) -> None:
    fill(connection, settings)
    erase(connection, settings, "2", verify=True)
    published = release(connection, recommendations(), day=5)
    assert (published.state, published.rows) == ("live", 4)
    release(connection, assignments(), "segment_assignments", day=5, segments=segments())
    connection.execute("INSERT INTO ml_meta.purchases VALUES (2, 11), (3, 11)")
    connection.execute("INSERT INTO ml_meta.opt_outs VALUES (2)")
    assert erase(connection, settings, "2", verify=True).found == {}
    assert connection.execute("SELECT DISTINCT customer_id FROM ml.recommendations ORDER BY 1").fetchall() == [
        (1,),
        (3,),
    ]


def test_a_backfill_does_not_bring_an_erased_person_back(text_connection: ServingConnection, tmp_path: Path) -> None:
    from ml_assets.settings.read.load import load_settings
    from ml_assets.sources.build import build_source
    from ml_assets_tests.shop import write_shop

    settings = load_settings(write_shop(tmp_path, name="x"))
    source, day = build_source(settings), date(2024, 5, 2)
    (checked,) = load_days(source, [day], settings.events).values()
    person = str(checked.valid["customer_id"][0])
    erase(text_connection, settings, person, verify=False)
    (without,) = load_days(source, [day], settings.events, partial(without_erased, text_connection)).values()
    assert person not in without.valid["customer_id"]
    assert without.valid.height == without.read == checked.valid.filter(pl.col("customer_id") != person).height


def test_an_evaluation_on_days_that_the_lake_lacks_leaves_an_erased_person_out(
    text_connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    from ml_assets.cli.inputs.past_events import events_around
    from ml_assets.settings.read.load import load_settings
    from ml_assets_tests.shop import write_shop

    settings = load_settings(write_shop(tmp_path, name="x"))
    settings = settings.model_copy(update={"database_url": SecretStr(postgres_url)})
    cutoff = date(2024, 5, 2)
    person = str(events_around(settings, cutoff, 7)[0].select("customer_id").first().collect().item())
    erase(text_connection, settings, person, verify=False)
    assert person not in events_around(settings, cutoff, 7)[0].collect()["customer_id"]


def test_a_search_finds_who_is_left_in_a_superseded_version(
    connection: ServingConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(connection, settings)

    def erase_all_but_superseded(lake: Lake, customer: int | str, alone: Alone) -> Counter[str]:
        (path,) = (lake.root / SUPERSEDED).glob("*.parquet")
        kept = pl.read_parquet(str(path))
        removed = erase_from_lake(lake, customer, alone)
        lake.write(SUPERSEDED, kept, path.stem)
        return removed

    monkeypatch.setattr("ml_assets.erasure.erase.erase_from_lake", erase_all_but_superseded)
    assert erase(connection, settings, "2", verify=True).found == {f"lake/{SUPERSEDED}": 2}


def test_a_file_in_the_root_of_the_lake_is_told_by_its_name(settings: Settings) -> None:
    lake = Lake.of(settings)
    lake.write("customers", pl.DataFrame({"customer_id": [1, 2, 2]}))
    assert count_in_lake(lake, 2) == {"lake/customers": 2}
    assert erase_from_lake(lake, 2, lambda: nullcontext(lambda: None)) == {"lake/customers": 2}
    assert count_in_lake(lake, 2) == {}


def test_a_text_id_is_looked_for_in_models_too(text_connection: ServingConnection, settings: Settings) -> None:
    lake = Lake.of(settings)
    model = lake.root / "models" / "leaky"
    model.mkdir(parents=True)
    np.savez(str(model / "arrays.npz"), names=np.array(["anna", "ben"], dtype="U8"))
    receipt = erase(text_connection, settings, "anna", verify=True)
    assert receipt.found == {"lake/models": 1}
    assert text_connection.execute("SELECT verified FROM x_ml_meta.erasures").fetchone() == (False,)
    assert erase(text_connection, settings, "ann", verify=True).found == {}


@pytest.mark.parametrize("customer", ["seven", "", "1; DELETE", "9" * 30])
def test_an_id_that_cannot_be_one_is_refused(connection: ServingConnection, settings: Settings, customer: str) -> None:
    with pytest.raises(UserError, match="customer id"):
        erase(connection, settings, customer, verify=True)
    assert connection.execute("SELECT count(*) FROM ml_meta.erased_customers").fetchone() == (0,)


def test_a_damaged_file_is_named_and_erasing_goes_on_when_it_is_gone(
    connection: ServingConnection, settings: Settings
) -> None:
    lake = fill(connection, settings)
    damaged = Path(str(lake.path("transactions", "2026-01-07")))
    damaged.write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match=r"transactions/2026-01-07.parquet cannot be searched"):
        erase(connection, settings, "2", verify=True)
    damaged.unlink()
    assert erase(connection, settings, "2", verify=True).found == {}
