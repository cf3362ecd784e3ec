"""Dagster keeps its tables in its own schema of the serving database."""

from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml
from pydantic import SecretStr

from ml_assets.database.connection import sqlalchemy_url
from ml_assets.settings.shop import Settings


@dg.asset
def thing() -> int:
    """Something to materialize."""
    return 1


def test_an_instance_creates_and_uses_its_tables_in_the_schema(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_URL", sqlalchemy_url(Settings(database_url=SecretStr(postgres_url))))
    config = {"storage": {"postgres": {"postgres_url": {"env": "STORAGE_URL"}}}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.materialize([thing], instance=instance).success
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("thing")) is not None
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, array_agg(tablename::text) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1"
        ).fetchall()
    assert [schema for schema, _ in tables] == ["dagster"]
    assert {"runs", "event_logs", "asset_keys", "instigators", "alembic_version"} <= set(tables[0][1])
