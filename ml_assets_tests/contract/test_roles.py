"""What the roles may do, and what not. How a role might get more is tried in `test_attacks.py`."""

from datetime import timedelta

import psycopg
import pytest
from psycopg import errors

from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.releases.pointer import accept, roll_back, unpin
from ml_assets_tests.contract.test_migrate import CONTRACT
from ml_assets_tests.releases.frames import drops, items, recommendations, release

FORBIDDEN = [
    "SELECT * FROM ml_store.recommendations",
    "SELECT * FROM ml_store.recommendations_1",
    "SELECT * FROM ml_store.items",
    "SELECT * FROM ml_meta.releases",
    "INSERT INTO ml.releases (subject) VALUES ('x')",
    "DELETE FROM ml.releases",
    "UPDATE ml.contract_version SET version = 2",
    "CREATE TABLE ml.mine (a int)",
    "DROP VIEW ml.releases",
    "SELECT * FROM ml_meta.rules",
    "SELECT * FROM ml_meta.purchases",
    "SELECT * FROM ml_meta.opt_outs",
    "SELECT * FROM ml_meta.erasure_salt",
    "SELECT * FROM ml_meta.recommendation_lists",
    "SELECT ml_meta.arrange(1, 'for_you', '{}', current_date, 3)",
]


@pytest.fixture
def url(connection: ServingConnection, postgres_url: str) -> str:
    """Where something is published."""
    release(connection, recommendations(), items=items())
    return postgres_url


def member_url(url: str, role: str) -> str:
    """The URL of a login that is a member of a role and nothing else."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP ROLE IF EXISTS member_of_{role}")
        admin.execute(f"CREATE ROLE member_of_{role} LOGIN IN ROLE {role}")
    return url.replace("postgres@", f"member_of_{role}@")


def test_a_reader_reads_the_whole_contract(url: str) -> None:
    with psycopg.connect(member_url(url, "ml_reader"), autocommit=True) as reader:
        for view in CONTRACT:
            reader.execute(f"SELECT * FROM ml.{view}")
        text = reader.execute("SELECT reason_text FROM ml.recommendations WHERE rank = 1 LIMIT 1").fetchone()
        assert text == ("Because you bought Tea and 13",)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_reader_does_nothing_else(url: str, statement: str) -> None:
    with (
        psycopg.connect(member_url(url, "ml_reader"), autocommit=True) as reader,
        pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState, errors.FeatureNotSupported)),
    ):
        reader.execute(statement)


def test_a_merchandiser_edits_rules_and_reads_the_result(url: str) -> None:
    with psycopg.connect(member_url(url, "ml_merchandiser"), autocommit=True) as merchandiser:
        merchandiser.execute("INSERT INTO ml_meta.rules (kind, item_id) VALUES ('ban', 11)")
        merchandiser.execute("UPDATE ml_meta.rules SET note = 'recalled'")
        merchandiser.execute("INSERT INTO ml_meta.opt_outs VALUES (2)")
        merchandiser.execute("INSERT INTO ml_meta.purchases VALUES (3, 12)")
        first = (
            "SELECT customer_id, item_id FROM ml.recommendations WHERE placement = 'for_you' AND rank = 1 ORDER BY 1"
        )
        assert merchandiser.execute(first).fetchall() == [(1, 12), (3, 13)]
        merchandiser.execute("DELETE FROM ml_meta.rules")
        assert len(merchandiser.execute("SELECT * FROM ml.recommend(9)").fetchall()) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM ml_meta.releases",
        "SELECT * FROM ml_meta.erasure_salt",
        "SELECT * FROM ml_store.recommendations",
        "UPDATE ml_meta.placements SET on_stale = 'empty'",
        "UPDATE ml_meta.live SET release_id = 1",
        "SELECT ml_meta.pointer_moved()",
        "SELECT ml_meta.discard_plans()",
        "SELECT ml_meta.judge_releases()",
        "SELECT ml_meta.take_turn('publish recommendations')",
        "SELECT ml_meta.show_release(1, 'x')",
        "SELECT ml_meta.erased_among('{1}')",
        "DROP TABLE ml_meta.rules",
        "TRUNCATE ml_meta.rules",
        "CREATE VIEW ml.mine AS SELECT 1",
    ],
)
def test_a_merchandiser_does_nothing_else(url: str, statement: str) -> None:
    with (
        psycopg.connect(member_url(url, "ml_merchandiser"), autocommit=True) as merchandiser,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        merchandiser.execute(statement)


def test_a_writer_rolls_back_accepts_and_retires(url: str) -> None:
    with ServingConnection.open(member_url(url, "ml_writer"), Schemas()) as writer:
        release(writer, recommendations(), day=1)
        roll_back(writer, "recommendations", to=None, reason="x")
        unpin(writer, "recommendations")
        blocked = release(writer, recommendations([1]), day=2)
        accept(writer, blocked.release_id, reason="x")
        release(writer, recommendations([1]), day=2)
        assert drops(writer, "recommendations", 1, grace=timedelta(0))


def test_everybody_else_sees_nothing(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    with (
        psycopg.connect(url.replace("postgres@", "stranger@"), autocommit=True) as stranger,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        stranger.execute("SELECT * FROM ml.releases")


def test_a_writer_publishes(url: str) -> None:
    with ServingConnection.open(member_url(url, "ml_writer"), Schemas()) as writer:
        assert release(writer, recommendations(), day=1, items=items()).state == "live"


@pytest.mark.parametrize(
    "statement",
    [
        "DROP VIEW ml.recommendations",
        "CREATE TABLE ml.mine (a int)",
        "DROP TABLE ml_store.recommendations CASCADE",
        "DROP TABLE ml_store.recommendations_1",
        "DROP SCHEMA ml_store CASCADE",
        "ALTER TABLE ml_store.recommendations_1 ADD COLUMN x int",
        "ALTER TABLE ml_store.items DISABLE TRIGGER ALL",
        "CREATE TABLE ml_store.mine (a int)",
        "CREATE TRIGGER x BEFORE DELETE ON ml_store.items EXECUTE FUNCTION tsvector_update_trigger()",
        "CREATE INDEX ON ml_store.recommendations_1 (placement)",
        "INSERT INTO ml_store.recommendations_1 SELECT * FROM ml_store.recommendations_1",
        "UPDATE ml_store.recommendations_1 SET placement = 'x'",
        "DELETE FROM ml_store.recommendations_1",
        "TRUNCATE ml_store.recommendations_1",
        "DELETE FROM ml_meta.releases",
        "UPDATE ml_meta.releases SET checksum = ''",
        "UPDATE ml_meta.releases SET state = 'live'",
        "UPDATE ml_meta.live SET pinned_by = 'somebody'",
        "DELETE FROM ml_meta.live_history",
        "UPDATE ml_meta.live_history SET live_from = now()",
        "INSERT INTO ml_meta.live_history (subject, release_id, live_from) VALUES ('recommendations', 1, now())",
        "DELETE FROM ml_meta.models",
        "UPDATE ml_meta.models SET forced_by = 'somebody'",
        "UPDATE ml_meta.restatements SET rows_before = 0",
        "DELETE FROM ml_meta.restatements",
        "DELETE FROM ml_meta.erasures",
        "INSERT INTO ml_meta.erasures (customer_hash, removed) VALUES ('', '{}')",
        "DELETE FROM ml_meta.erased_customers",
        "SELECT customer_hash FROM ml_meta.erased_customers",
        "SELECT * FROM ml_meta.erasure_salt",
        "SELECT ml_meta.hash_of_customer('1')",
        "UPDATE ml_meta.migrations SET checksum = ''",
        "UPDATE ml_meta.roles SET ready = false",
        "UPDATE ml_meta.shop SET customer_id_type = 'text'",
        "INSERT INTO ml_meta.rules (kind, item_id) VALUES ('ban', 11)",
        "DELETE FROM ml_meta.purchases",
        "SET ROLE ml_owner",
        "ALTER FUNCTION ml_meta.show_release SECURITY INVOKER",
    ],
)
def test_a_writer_changes_neither_the_contract_nor_history(url: str, statement: str) -> None:
    with (
        psycopg.connect(member_url(url, "ml_writer"), autocommit=True) as writer,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        writer.execute(statement)
