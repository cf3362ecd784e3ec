"""Texts that would be commands somewhere stay texts: in files of rules, and in settings."""

from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from psycopg import sql
from pydantic import ValidationError

from ml_assets.books.freshness import sync_policies
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.rule_tables import import_rules
from ml_assets.exchange.rules import read_rules
from ml_assets.exchange.vocabulary import vocabulary
from ml_assets.settings.serving import ServingSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.contract.definitions import definitions
from ml_assets_tests.releases.frames import recommendations, release

HOSTILE = [
    "'; DROP SCHEMA ml CASCADE; --",
    '"; DROP SCHEMA ml CASCADE; --',
    "$$; DROP SCHEMA ml CASCADE; $$",
    "%s %(x)s {meta} %%",
    ':"meta" :customer_id_type ::text',
    "\\. \\N \\copy",
    "$(touch /tmp/owned) `id` ; | &",
    "a\tb\nc\rd",
    "=cmd|' /C calc'!A1",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_of_rules_is_text_and_nothing_else(connection: ServingConnection, tmp_path: Path, ending: str) -> None:
    before = definitions(connection)
    path = tmp_path / f"rules.{ending}"
    frame = pl.DataFrame({"kind": "cap", "category": HOSTILE, "value": 1.0, "note": HOSTILE[::-1]})
    frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
    rows = read_rules(path, "rules", vocabulary(connection, ZoneInfo("UTC")))
    assert import_rules(connection, "rules", rows, mode="replace") == len(HOSTILE)
    kept = connection.execute("SELECT category, note FROM ml_meta.rules").fetchall()
    assert sorted(kept) == sorted(zip(HOSTILE, HOSTILE[::-1], strict=True))
    release(connection, recommendations())
    assert len(connection.execute("SELECT * FROM ml.recommendations").fetchall()) == 12
    assert definitions(connection) == before


@pytest.mark.parametrize("name", [name[:60] for name in HOSTILE])
def test_names_of_the_shops_tables_and_columns_are_names_and_nothing_else(
    connection: ServingConnection, name: str
) -> None:
    release(connection, recommendations())
    table = name.replace(".", "")
    columns = [sql.Identifier(f"{name}{place}") for place in "12"]
    create = sql.SQL("CREATE TABLE public.{} ({} bigint, {} boolean)")
    connection.execute(create.format(sql.Identifier(table), *columns))
    connection.execute(sql.SQL("INSERT INTO public.{} VALUES (11, false)").format(sql.Identifier(table)))
    mapped = {"table": f"public.{table}", "item": f"{name}1", "available": f"{name}2"}
    sync_reading(connection, ServingSettings.model_validate({"availability": mapped}))
    shown = "SELECT item_id FROM ml.recommendations WHERE customer_id = 1 AND placement = 'for_you' ORDER BY rank"
    assert connection.execute(shown).fetchall() == [(12,), (13,)]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("key", ["name", "timezone", "lake", "placement", "holiday", "country", "channel", "owner"])
def test_settings_are_refused_or_stay_text(connection: ServingConnection, key: str, text: str) -> None:
    before = definitions(connection)
    nested: dict[str, dict[str, object]] = {
        "placement": {"serving": {"placements": {text: {"on_stale": "empty"}}}},
        "holiday": {"calendar": {"holidays": [text]}},
        "country": {"calendar": {"country": text}},
        "channel": {"alerts": {"channels": {text: {"url": f"json://localhost/{text}"}}}},
        "owner": {"alerts": {"owners": {"recommendations": text}}},
    }
    given = nested.get(key, {key: text})
    try:
        settings = Settings.model_validate(given)
    except ValidationError:
        return
    sync_policies(connection, settings)
    sync_reading(connection, settings.serving)
    assert definitions(connection) == before
