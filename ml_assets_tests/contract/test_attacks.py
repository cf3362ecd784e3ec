"""A member of one role tries to get more than the role has: by triggers, functions, locks, and names that mislead."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from ml_assets.contract.migrate import migrate
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.database.waits import holder_of
from ml_assets.erasure.erase import erase
from ml_assets.errors import UserError
from ml_assets.releases.catalog import live_release
from ml_assets.releases.pointer import begin
from ml_assets.settings.serving import ServingSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.contract.before_owner import hand_back
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.contract.test_roles import member_url
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import popular_items, recommendations, release

TRAP = """
    CREATE SCHEMA trap AUTHORIZATION member_of_ml_writer;
    CREATE FUNCTION trap.spring() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO trap.sprung VALUES (current_user);
        ALTER ROLE member_of_ml_writer SUPERUSER;
        RETURN OLD;
    END
    $$;
    CREATE TABLE trap.sprung (by_whom text);
    GRANT ALL ON SCHEMA trap TO PUBLIC;
    GRANT ALL ON trap.sprung TO PUBLIC;
    ALTER FUNCTION trap.spring() OWNER TO member_of_ml_writer;
"""
SET_TRAP = (
    "CREATE TRIGGER spring BEFORE DELETE ON ml_store.recommendations_1 FOR EACH ROW EXECUTE FUNCTION trap.spring()"
)


def is_superuser(connection: ServingConnection) -> bool:
    query = "SELECT rolsuper FROM pg_roles WHERE rolname = 'member_of_ml_writer'"
    return bool(connection.execute(query).fetchall()[0][0])


def test_a_writer_sets_no_trap_for_an_erasure(connection: ServingConnection, postgres_url: str, tmp_path: Path) -> None:
    release(connection, recommendations())
    url = member_url(postgres_url, "ml_writer")
    connection.execute(TRAP)
    with psycopg.connect(url, autocommit=True) as writer, pytest.raises(errors.InsufficientPrivilege):
        writer.execute(SET_TRAP)
    erase(connection, Settings(home=tmp_path), "2", verify=True)
    assert connection.execute("SELECT * FROM trap.sprung").fetchall() == []
    assert not is_superuser(connection)


def test_an_upgrade_refuses_a_trap_that_was_set_before_and_leaves_all_as_it_was(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    release(connection, recommendations())
    url = member_url(postgres_url, "ml_writer")
    hand_back(connection)
    connection.execute(TRAP)
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute(SET_TRAP)
    with refused(
        "database.rights", r"trigger spring on table ml_store.recommendations_1 \(code of member_of_ml_writer\)"
    ):
        migrate(connection, **SHOP)
    assert connection.execute("SELECT to_regclass('ml_meta.turns')").fetchone() == (None,)
    connection.execute("DROP TRIGGER spring ON ml_store.recommendations_1")
    assert migrate(connection, **SHOP)[0] == "003_turns"
    erase(connection, Settings(home=tmp_path), "2", verify=True)
    assert not is_superuser(connection)


@pytest.mark.parametrize(
    "trap",
    [
        "CREATE FUNCTION ml_store.mine() RETURNS bytea SECURITY DEFINER LANGUAGE sql RETURN 'x'::bytea",
        "CREATE VIEW ml_store.mine AS SELECT 1",
        "ALTER TABLE ml_store.recommendations_1 ADD CHECK (trap.check_it())",
        "CREATE INDEX ON ml_store.recommendations_1 (trap.check_it())",
        "CREATE POLICY mine ON ml_store.recommendations_1 USING (trap.check_it())",
    ],
)
def test_an_upgrade_hands_no_code_of_a_writer_to_the_owner(
    connection: ServingConnection, postgres_url: str, trap: str
) -> None:
    release(connection, recommendations())
    url = member_url(postgres_url, "ml_writer")
    hand_back(connection)
    connection.execute(TRAP)
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute(
            "CREATE FUNCTION trap.check_it() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END'"
        )
        writer.execute(trap.encode())
    with refused("database.rights", "code of member_of_ml_writer"):
        migrate(connection, **SHOP)


def test_a_table_of_a_lesser_role_is_erased_with_that_roles_rights(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    url = member_url(postgres_url, "ml_writer")
    connection.execute(TRAP)
    connection.execute("CREATE TABLE ml_store.kept (customer_id bigint); INSERT INTO ml_store.kept VALUES (2)")
    connection.execute("ALTER TABLE ml_store.kept OWNER TO member_of_ml_writer")
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute(SET_TRAP.replace("recommendations_1", "kept"))
    with pytest.raises(UserError):
        erase(connection, Settings(home=tmp_path), "2", verify=True)
    assert not is_superuser(connection)


def test_functions_that_look_like_postgresqls_own_are_not_called(
    connection: ServingConnection, postgres_url: str
) -> None:
    release(connection, recommendations())
    url = member_url(postgres_url, "ml_writer")
    connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    connection.execute("CREATE TABLE public.called (by_whom text); GRANT ALL ON public.called TO PUBLIC")
    with psycopg.connect(url, autocommit=True) as writer:
        # Each fits a call of ours better than the one that is meant.
        for name, arguments, result in (
            ("hashtextextended", "text, integer", "bigint"),
            ("to_regclass", "unknown", "regclass"),
            ("pg_has_role", "name, text, text", "boolean"),
            ("quote_ident", "name", "text"),
            ("set_config", "text, unknown, boolean", "text"),
        ):
            body = f"INSERT INTO public.called VALUES (current_user); SELECT NULL::{result}"
            try:
                writer.execute(f"CREATE FUNCTION public.{name}({arguments}) RETURNS {result} LANGUAGE sql AS '{body}'")
            except errors.InvalidFunctionDefinition:
                continue  # No function may have an argument of type unknown.
    with ServingConnection.open(postgres_url, Schemas()) as again:
        again.execute("UPDATE ml_meta.objects SET hash = ''")
        migrate(again, **SHOP)
        sync_reading(again, ServingSettings())
        release(again, recommendations(), day=1)
    assert connection.execute("SELECT * FROM public.called").fetchall() == []


def test_a_writer_learns_of_one_id_whether_it_was_erased_and_no_salt(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    release(connection, recommendations())
    erase(connection, Settings(home=tmp_path), "2", verify=False)
    with psycopg.connect(member_url(postgres_url, "ml_writer"), autocommit=True) as writer:
        assert writer.execute("SELECT * FROM ml_meta.erased_among('{1,2,3}')").fetchall() == [("2",)]
        for query in ("SELECT * FROM ml_meta.erasure_salt", "SELECT ml_meta.hash_of_customer('2')"):
            with pytest.raises(errors.InsufficientPrivilege):
                writer.execute(query)


def test_the_registry_takes_no_other_model_under_a_known_version(
    connection: ServingConnection, postgres_url: str
) -> None:
    model: dict[str, Any] = {
        "kind": "recommender",
        "placement": "for_you",
        "method": "ranker",
        "version": "v1",
        "trained_through": "2026-01-04",
        "data_fingerprint": "a",
        "parameters": {},
        "metrics": {},
        "facts": {},
        "card": {},
        "artifact": "here",
        "checksum": "1",
        "decision": "refused",
        "reason": "worse",
        "run_id": None,
    }
    with psycopg.connect(member_url(postgres_url, "ml_writer"), autocommit=True) as writer:
        register = "SELECT ml_meta.register_model(%s)"
        writer.execute(register, [psycopg.types.json.Jsonb(model)])
        writer.execute(register, [psycopg.types.json.Jsonb(model | {"checksum": "2", "run_id": "again"})])
        with pytest.raises(errors.UniqueViolation, match="another model v1"):
            writer.execute(register, [psycopg.types.json.Jsonb(model | {"data_fingerprint": "b"})])
        writer.execute("SELECT ml_meta.force_promotion('recommender', 'v1', 'for_you', 'we know better')")
        writer.execute(register, [psycopg.types.json.Jsonb(model | {"decision": "refused"})])
    facts = "SELECT checksum, decision, forced_by FROM ml_meta.models"
    assert connection.execute(facts).fetchall() == [("1", "promoted", "member_of_ml_writer")]


@pytest.mark.parametrize(
    "function",
    [
        "create_partition(%s)",
        "attach_partition(%s, '{customer_id}', true, '')",
        "drop_release(%s)",
        "show_release(%s, 'x')",
    ],
)
def test_the_writers_functions_refuse_a_release_in_another_state(
    connection: ServingConnection, postgres_url: str, function: str
) -> None:
    live = release(connection, recommendations()).release_id
    with psycopg.connect(member_url(postgres_url, "ml_writer"), autocommit=True) as writer:
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match=f"release {live} is live"):
            writer.execute(f"SELECT ml_meta.{function}".encode(), [live])
        made = writer.execute(
            "INSERT INTO ml_meta.releases (subject, data_as_of, model_version, k, state) "
            "VALUES ('items', '2026-01-05', 'x', 1, 'ready') RETURNING release_id"
        ).fetchone()
        with pytest.raises((errors.UndefinedTable, errors.ObjectNotInPrerequisiteState)):
            writer.execute(f"SELECT ml_meta.{function}".encode(), made)


def test_a_reader_cannot_stop_publishing_with_locks(connection: ServingConnection, postgres_url: str) -> None:
    """All advisory locks that the code ever took, and every table lock that a reader is granted."""
    release(connection, recommendations())
    names = ["publish ml_meta recommendations", "evaluate ml_meta", "source days ml_meta", "migrate ml_meta"]
    with psycopg.connect(member_url(postgres_url, "ml_reader")) as reader:
        for name in [*names, '"ml_meta".releases stale_at', "ml_assets roles"]:
            reader.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        for view in ("ml.recommendations", "ml.releases", "ml.freshness"):
            reader.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(*view.split("."))))
        for mode in ("SHARE UPDATE EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"):
            with pytest.raises(errors.InsufficientPrivilege), reader.transaction():
                reader.execute(f"LOCK TABLE ml.recommendations IN {mode} MODE")
        connection.execute("SET statement_timeout = '20s'")
        assert release(connection, recommendations(), day=1).state == "live"


def test_publishers_of_a_subject_take_turns_and_name_who_is_waited_for(
    connection: ServingConnection, postgres_url: str
) -> None:
    release(connection, recommendations())
    with ServingConnection.open(postgres_url, Schemas()) as other, other.transaction():
        begin(other, "recommendations")
        connection.limit_waits(timedelta(milliseconds=200))
        with pytest.raises(errors.LockNotAvailable):
            release(connection, recommendations(), day=1)
        assert connection.purpose == "for the lock of those who publish recommendations"
        release(connection, popular_items(), "popular_items")
        connection.limit_waits(timedelta(minutes=1))
        waiting = threading.Thread(target=lambda: release(connection, recommendations(), day=1))
        waiting.start()
        held_up_by = None
        while held_up_by is None:
            held_up_by = holder_of(postgres_url, connection.info.backend_pid)
        assert f"session {other.info.backend_pid} of postgres" in held_up_by
        assert waiting.is_alive()
    waiting.join(30)
    live = live_release(connection, "recommendations")
    assert live is not None
    assert live.day.isoformat() == "2026-01-06"
