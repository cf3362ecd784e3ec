"""The database is set up once, wholly, for one shop."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ml_assets.contract.migrate import Contract, Migration, delivered, migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets_tests.contract.definitions import definitions
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import recommendations, release

SHOP: dict[str, Any] = {"customer_id_type": "bigint", "item_id_type": "bigint", "source": "files"}
MEDIANS = "median_recency_days median_orders_90d median_spend_90d median_spend_365d median_tenure_days"
CONTRACT = {
    "recommendations": "customer_id placement rank item_id score source reason_code reason_items reason_text "
    "data_as_of predicted_at model_version release_id is_stale",
    "segment_assignments": "customer_id segment_key segment_name data_as_of predicted_at model_version release_id "
    "is_stale alive_probability expected_spend_90d",
    "segments": f"segment_key segment_name description customers share {MEDIANS} data_as_of mean_alive_probability "
    "mean_expected_spend_90d total_expected_spend_90d",
    "similar_items": "item_id rank similar_item_id score data_as_of release_id",
    "popular_items": "scope rank item_id score data_as_of release_id",
    "freshness": "subject kind data_as_of updated_at age warn_after error_after status stale_at row_count "
    "usual_row_count reason",
    "incidents": "incident_id subject cause severity state owner summary opened_at resolved_at acknowledged_by "
    "explained_by",
    "not_made": "subject reason",
    "restatements": "day rows_before rows_after changed_at rebuilt_at",
    "releases": "release_id subject data_as_of model_version rows checksum run_id published_at state reason",
    "contract_version": "version",
    "past_recommendations": "release_id customer_id placement rank item_id score source reason_code reason_items "
    "data_as_of predicted_at model_version propensity",
    "replaced_recommendations": "release_id customer_id placement rank item_id score source reason_code reason_items "
    "data_as_of predicted_at model_version propensity replaced_at",
    "rescorings": "rescoring_id release_id state began_at rescored_at events_from events_until events customers lists "
    "model_version run_id reason",
    "segment_history": "customer_id segment_key valid_from valid_to kind moved_from reason measures",
    "segment_moves": "day from_segment to_segment customers kind",
    "segment_catalogue": "segment_key segment_name valid_from valid_to change parents ended_into model_version",
    "past_segment_assignments": "release_id customer_id segment_key segment_name data_as_of predicted_at model_version "
    "alive_probability expected_spend_90d",
    "experiments": "experiment arm share list placement state layer traffic segment_key min_orders started_at "
    "serving_since ends_at stopped_at stopped_reason note is_control",
    "experiment_rules": "experiment arm kind item_id category brand placement segment_key value valid_from valid_until "
    "note",
    "past_arm_recommendations": "release_id customer_id placement experiment arm rank item_id score source reason_code "
    "data_as_of predicted_at model_version propensity",
    "experiment_outcomes": "experiment customer_id arm entered_on orders revenue listed_items orders_before "
    "revenue_before new_categories lapsed segment_key returned margin margin_before",
    "experiment_listed_items": "experiment arm placement rank reason_code items customers",
    "experiment_unsubscribes": "experiment arm customers unsubscribed",
    "live_quality": "day placement model_version method data_as_of was_live horizon through customers listed_share "
    "hit_rate hit_rate_low hit_rate_high recall ndcg coverage items_shown novelty promised_hit_rate promised_low "
    "promised_high least_hit_rate is_below release_id",
    "live_calibration": "day placement model_version kind place shown bought share_bought",
    "exposures": "shown_on customer_id placement first_at last_at times",
    "experiment_customers": "experiment customer_id arm entered_on",
}
IDS = {"customer_id", "item_id", "similar_item_id", "reason_items"}


def columns_of(connection: ServingConnection) -> dict[str, list[tuple[str, str]]]:
    rows = connection.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c JOIN pg_attribute a "
        "ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = quote_ident(%s)::regnamespace "
        "ORDER BY 1, a.attnum",
        [connection.schemas.ml],
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for view, column, kind in rows:
        found.setdefault(view, []).append((column, kind))
    return found


@pytest.mark.parametrize("kind", ["bigint", "text"])
def test_the_views_have_exactly_the_contracts_columns(request: pytest.FixtureRequest, kind: str) -> None:
    connection = request.getfixturevalue("connection" if kind == "bigint" else "text_connection")
    found = columns_of(connection)
    assert {view: " ".join(name for name, _ in columns) for view, columns in found.items()} == CONTRACT
    types = {(name, of.removesuffix("[]")) for columns in found.values() for name, of in columns if name in IDS}
    assert types == {(name, kind) for name in IDS}


def test_every_view_and_column_has_a_comment(connection: ServingConnection) -> None:
    silent = connection.execute(
        "SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relnamespace = 'ml'::regnamespace AND a.attnum > 0 AND (col_description(c.oid, a.attnum) IS NULL "
        "OR obj_description(c.oid, 'pg_class') IS NULL)"
    ).fetchall()
    assert silent == []
    assert connection.execute("SELECT version FROM ml.contract_version").fetchall() == [(1,)]


def test_a_second_migration_changes_nothing(connection: ServingConnection) -> None:
    record = "SELECT name, applied_at FROM ml_meta.migrations UNION ALL SELECT name, applied_at FROM ml_meta.objects"
    before = connection.execute(record).fetchall()
    assert migrate(connection, **SHOP) == []
    assert connection.execute(record).fetchall() == before


def names_of(contract: Contract) -> list[str]:
    return [each.name for each in contract.migrations] + [each.name for each in contract.objects]


def test_commands_that_start_at_once_migrate_once(postgres_url: str) -> None:
    def start(_: int) -> list[str]:
        with ServingConnection.open(postgres_url, Schemas()) as connection:
            return migrate(connection, **SHOP)

    with ThreadPoolExecutor(4) as pool:
        applied = [name for names in pool.map(start, range(4)) for name in names]
    assert applied == names_of(delivered())


def test_another_shop_that_changes_the_rights_on_the_database_meanwhile_stops_no_set_up(postgres_url: str) -> None:
    """They are one row of the catalogue, which PostgreSQL lets two change one after the other, but not at once."""
    database = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    with (
        psycopg.connect(postgres_url) as other,
        psycopg.connect(postgres_url, autocommit=True) as looking,
        ServingConnection.open(postgres_url, Schemas("second")) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute(f"GRANT CONNECT ON DATABASE {database} TO pg_monitor")
        migrating = pool.submit(lambda: migrate(connection, **SHOP))
        while not looking.execute(waits).fetchall()[0][0]:
            assert not migrating.done(), migrating.result()
        other.commit()
        assert migrating.result() != []


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(connection: ServingConnection) -> None:
    bad = Migration(900, "900_bad", 'CREATE TABLE :"store".half (a int); SELECT 1 / 0;')
    contract = Contract([*delivered().migrations, bad], delivered().objects)
    before = definitions(connection)
    with refused("contract.wrong", "_bad.sql.*division by zero"):
        migrate(connection, **SHOP, contract=contract)
    assert definitions(connection) == before
    good = Migration(900, "900_good", 'CREATE TABLE :"store".whole (a :item_id_type);')
    contract = Contract([*delivered().migrations, good], delivered().objects)
    assert migrate(connection, **SHOP, contract=contract) == ["900_good"]
    newest = "SELECT name FROM ml_meta.migrations ORDER BY number DESC LIMIT 1"
    assert connection.execute(newest).fetchone() == ("900_good",)


def test_a_first_migration_that_fails_leaves_no_schema(postgres_url: str) -> None:
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        with refused("contract.wrong", "_bad.sql.*division by zero"):
            migrate(connection, **SHOP, contract=Contract([Migration(1, "001_bad", "SELECT 1 / 0;")], []))
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ml%'").fetchone() == (0,)


def test_a_schema_of_somebody_else_is_refused_and_an_empty_one_is_taken(postgres_url: str) -> None:
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        connection.execute("CREATE SCHEMA ml; CREATE TABLE ml.theirs (a int)")
        with pytest.raises(UserError, match="schema ml with 1 objects that ml_assets did not create"):
            migrate(connection, **SHOP)
        connection.execute("DROP TABLE ml.theirs")
        assert len(migrate(connection, **SHOP)) == len(names_of(delivered()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"customer_id_type": "text"}, "customer ids of type bigint, but the settings now bring text"),
        ({"item_id_type": "text"}, "item ids of type bigint"),
        ({"source": "complete_journey"}, "data from the source files"),
    ],
)
def test_another_shops_data_are_refused(connection: ServingConnection, change: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        migrate(connection, **(SHOP | change))


def test_a_database_of_a_newer_or_an_edited_version_is_refused(connection: ServingConnection) -> None:
    first, *others = delivered().migrations
    edited = Migration(first.number, first.name, first.text + "-- x")
    words = "001_baseline was applied to this database with other contents.*throw the trial database away"
    with pytest.raises(UserError, match=words):
        migrate(connection, **SHOP, contract=Contract([edited, *others], delivered().objects))
    later = Migration(900, "900_later", "SELECT 1;")
    migrate(connection, **SHOP, contract=Contract([*delivered().migrations, later], delivered().objects))
    with refused("database.newer"):
        migrate(connection, **SHOP)


@pytest.mark.parametrize(("may", "ready"), [("NOCREATEROLE", False), ("CREATEROLE", True)])
def test_a_role_without_superuser_rights_sets_up_and_publishes(postgres_url: str, may: str, ready: bool) -> None:
    name = may.lower()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name}_owner LOGIN {may}")
        admin.execute(f"GRANT CREATE ON DATABASE {admin.info.dbname} TO {name}_owner")
    url = postgres_url.replace("postgres@", f"{name}_owner@")
    with ServingConnection.open(url, Schemas(name)) as connection:
        assert len(migrate(connection, **SHOP)) == len(names_of(delivered()))
        noted = connection.execute(f"SELECT ready, note FROM {name}_ml_meta.roles WHERE role <> 'PUBLIC'").fetchall()
        assert [row[0] for row in noted] == [ready] * 5
        assert release(connection, recommendations()).state == "live"
        assert len(connection.execute(f"SELECT * FROM {name}_ml.recommendations").fetchall()) == 12
        assert migrate(connection, **SHOP) == []
    if not ready:
        assert "may not create roles" in noted[0][1]
        _an_administrator_adds_the_roles(postgres_url, url, name)


def _an_administrator_adds_the_roles(admin_url: str, url: str, name: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for word in ("owner", "reader", "writer", "merchandiser", "exposure"):
            admin.execute(f"CREATE ROLE {name}_ml_{word}")
        admin.execute(f"GRANT {name}_ml_owner, {name}_ml_writer TO {name}_owner")
    with ServingConnection.open(url, Schemas(name)) as connection:
        migrate(connection, **SHOP)
        ready = f"SELECT bool_and(ready) FROM {name}_ml_meta.roles WHERE role <> 'PUBLIC'"
        assert connection.execute(ready).fetchone() == (True,)
        owner = (
            f"SELECT relowner::regrole::text FROM pg_class WHERE oid = '{name}_ml_store.recommendations_1'::regclass"
        )
        assert connection.execute(owner).fetchone() == (f"{name}_ml_owner",)
        assert release(connection, recommendations(), day=1).state == "live"


def test_a_role_that_may_not_create_schemas_is_told_what_to_grant(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE powerless LOGIN")
    with (
        ServingConnection.open(postgres_url.replace("postgres@", "powerless@"), Schemas()) as connection,
        pytest.raises(UserError, match=r"GRANT CREATE ON DATABASE test_.* TO powerless"),
    ):
        migrate(connection, **SHOP)
