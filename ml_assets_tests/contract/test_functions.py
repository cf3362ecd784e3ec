"""The functions of the contract: lists for anybody, and for baskets."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from ml_assets.database.connection import ServingConnection
from ml_assets_tests.contract.test_roles import member_url
from ml_assets_tests.releases.frames import items, popular_items, recommendations, release, similar_items

FUNCTIONS = {
    "recommend": "rank item_id score source reason_code reason_text data_as_of predicted_at model_version release_id "
    "is_stale",
    "recommend_for_items": "rank item_id score source reason_code reason_items reason_text data_as_of release_id",
    "recommendations_as_of": "customer_id placement rank item_id score source reason_code reason_items data_as_of "
    "predicted_at model_version release_id",
    "segment_assignments_as_of": "customer_id segment_key segment_name data_as_of predicted_at model_version "
    "release_id",
}


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    release(connection, recommendations(), items=items(), k=2)
    release(connection, popular_items([11, 21, 22, 23]), "popular_items", k=2)
    release(connection, similar_items(), "similar_items", k=2)
    return connection


@pytest.fixture
def twelve(connection: ServingConnection) -> ServingConnection:
    release(connection, recommendations(items=range(1, 13)), k=3)
    release(connection, popular_items([21, 22, 23]), "popular_items", k=3)
    return connection


def test_a_known_customer_gets_the_same_list_as_from_the_view_and_deeper_if_asked(shop: ServingConnection) -> None:
    columns = "rank, item_id, score, source, reason_code, reason_text, data_as_of, release_id, is_stale"
    view = f"SELECT {columns} FROM ml.recommendations WHERE customer_id = 2 AND placement = 'for_you' ORDER BY rank"
    assert (
        shop.execute(f"SELECT {columns} FROM ml.recommend(2, 'for_you', 2)").fetchall() == shop.execute(view).fetchall()
    )
    assert [row[0] for row in shop.execute("SELECT item_id FROM ml.recommend(2, 'for_you', 4)")] == [11, 12, 13, 14]
    assert [row[0] for row in shop.execute("SELECT item_id FROM ml.recommend(2, 'for_you', 1)")] == [11]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hidden=st.sets(st.integers(1, 12)),
    bought=st.sets(st.integers(1, 12), max_size=4),
    placement=st.sampled_from(["for_you", "discover"]),
)
def test_the_view_and_the_function_show_the_same_whatever_is_left_out(
    twelve: ServingConnection, hidden: set[int], bought: set[int], placement: str
) -> None:
    """The view looks at six of the twelve candidates first; the function, asked for a number, at all."""
    with twelve.transaction(force_rollback=True):
        twelve.execute("INSERT INTO ml_meta.rules (kind, item_id) SELECT 'ban', unnest(%s::bigint[])", [sorted(hidden)])
        twelve.execute(
            "INSERT INTO ml_meta.purchases (customer_id, item_id) SELECT 1, unnest(%s::bigint[])", [sorted(bought)]
        )
        view = "SELECT rank, item_id, score, source FROM ml.recommendations WHERE customer_id = 1 AND placement = %s"
        seen = twelve.execute(f"{view} ORDER BY rank".encode(), [placement]).fetchall()
        function = "SELECT rank, item_id, score, source FROM ml.recommend(1, %s, 3) ORDER BY rank"
        assert seen == twelve.execute(function, [placement]).fetchall()
        left = [item for item in range(1, 13) if item not in hidden | bought]
        assert [row[1] for row in seen][: len(left)] == left[:3]


@pytest.mark.parametrize("customer", ["99", "NULL", "-1"])
def test_an_unknown_customer_gets_the_popular_items_after_rules(shop: ServingConnection, customer: str) -> None:
    shop.execute("INSERT INTO ml_meta.rules (kind, item_id) VALUES ('unavailable', 21)")
    rows = shop.execute(
        "SELECT rank, item_id, source, reason_text, s.subject FROM ml.recommend(%s::bigint, 'for_you', 3) AS r "
        "JOIN ml.releases AS s USING (release_id) ORDER BY rank",
        [None if customer == "NULL" else int(customer)],
    ).fetchall()
    tail = ("popular", "Popular right now", "popular_items")
    assert rows == [(1, 11, *tail), (2, 22, *tail), (3, 23, *tail)]


def test_nothing_generic_was_bought_before(shop: ServingConnection) -> None:
    assert shop.execute("SELECT * FROM ml.recommend(99, 'buy_again', 3)").fetchall() == []


@pytest.mark.parametrize("k", ["0", "-3"])
def test_none_are_none(shop: ServingConnection, k: str) -> None:
    assert shop.execute(f"SELECT * FROM ml.recommend(1, 'for_you', {k})").fetchall() == []
    assert shop.execute(f"SELECT * FROM ml.recommend_for_items('{{11}}', {k})").fetchall() == []


def test_a_basket_gets_what_goes_with_it_then_what_sells(shop: ServingConnection) -> None:
    rows = shop.execute(
        "SELECT rank, item_id, round(score::numeric, 2)::float, source, reason_items, reason_text "
        "FROM ml.recommend_for_items(ARRAY[11, 12], 4)"
    ).fetchall()
    assert rows == [
        (1, 13, 0.3, "similar", [12, 11], "Because you bought Bread and Milk"),
        (2, 21, None, "popular", [], "Popular right now"),
        (3, 22, None, "popular", [], "Popular right now"),
        (4, 23, None, "popular", [], "Popular right now"),
    ]
    shop.execute("INSERT INTO ml_meta.rules (kind, item_id) VALUES ('ban', 13)")
    assert [row[0] for row in shop.execute("SELECT item_id FROM ml.recommend_for_items(ARRAY[11, 12], 2)")] == [21, 22]


@pytest.mark.parametrize("basket", ["'{}'", "NULL", "'{999}'", "'{NULL}'"])
def test_an_empty_or_unknown_basket_gets_the_popular_items(shop: ServingConnection, basket: str) -> None:
    rows = shop.execute(f"SELECT item_id FROM ml.recommend_for_items({basket}, 2)").fetchall()
    assert rows == [(11,), (21,)]


def test_before_anything_is_published_there_is_nothing(connection: ServingConnection) -> None:
    for call in ("recommend(1)", "recommend_for_items('{1}')", "recommendations_as_of(now())"):
        assert connection.execute(f"SELECT * FROM ml.{call}").fetchall() == []


def test_the_functions_are_those_of_the_contract_and_safe(connection: ServingConnection) -> None:
    rows = connection.execute(
        "SELECT p.proname, p.proargnames[p.pronargs + 1:], p.provolatile, p.proparallel, l.lanname, p.proconfig, "
        "p.prosqlbody IS NOT NULL, p.prosecdef, obj_description(p.oid, 'pg_proc') "
        "FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'ml'::regnamespace"
    ).fetchall()
    found = {row[0]: row for row in rows}
    assert FUNCTIONS.keys() <= found.keys()
    for name, columns in FUNCTIONS.items():
        _, names, volatility, parallel, language, config, parsed, definer, comment = found[name]
        assert " ".join(names) == columns
        assert (volatility, parallel, language in ("sql", "plpgsql")) == ("s", "s", True)
        assert parsed or config == ["search_path=pg_catalog, pg_temp"]
        assert comment
        assert not (definer and not config)


def test_every_function_that_runs_with_its_owners_rights_has_its_search_path_fixed(
    connection: ServingConnection,
) -> None:
    open_ones = connection.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'ml%' AND prosecdef "
        "AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)"
    ).fetchall()
    assert open_ones == []


def test_readers_call_the_functions_and_strangers_do_not(shop: ServingConnection, postgres_url: str) -> None:
    calls = ["recommend(1)", "recommend(99)", "recommend_for_items('{11}')", "recommendations_as_of(now())"]
    with psycopg.connect(member_url(postgres_url, "ml_reader"), autocommit=True) as reader:
        shop.execute("INSERT INTO ml_meta.rules (kind, item_id, value) VALUES ('pin', 14, 1)")
        for call in (*calls, "segment_assignments_as_of(now())"):
            reader.execute(f"SELECT * FROM ml.{call}")
        assert reader.execute("SELECT item_id FROM ml.recommendations WHERE rank = 1").fetchone() == (14,)
        for function in (
            "arrange(1, 'for_you', '{}', current_date, 3)",
            "is_erased('1')",
            "reason_text('popular', 1, 2)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                reader.execute(f"SELECT ml_meta.{function}")


def test_a_search_path_redirects_nothing(shop: ServingConnection, postgres_url: str) -> None:
    """A reader who plants own functions and tables before the system's finds them ignored."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA trap; GRANT ALL ON SCHEMA trap TO PUBLIC")
        # Whether readers still have them depends on which logins there are.
        admin.execute(f"GRANT TEMPORARY ON DATABASE {admin.info.dbname} TO PUBLIC".encode())
    with psycopg.connect(member_url(postgres_url, "ml_reader"), autocommit=True) as reader:
        reader.execute("CREATE FUNCTION trap.cardinality(anyarray) RETURNS int LANGUAGE sql AS 'SELECT 1/0'")
        reader.execute("CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'")
        reader.execute("CREATE TEMP TABLE recommendations (a int)")
        reader.execute("SET search_path = trap, pg_temp, pg_catalog, ml")
        shop.execute("INSERT INTO ml_meta.rules (kind, item_id, value) VALUES ('pin', 14, 1)")
        assert [row[0] for row in reader.execute("SELECT item_id FROM ml.recommend(1, 'for_you', 3)")] == [14, 11, 12]
        assert len(reader.execute("SELECT * FROM ml.recommendations_as_of(pg_catalog.now())").fetchall()) == 12


INJECTIONS = [
    "'; DROP SCHEMA x_ml CASCADE; --",
    "$$; SELECT 1/0; $$",
    "\\'; --",
    '"; --',
    "%s",
    "{0}",
    "a,b",
    "(SELECT 1)",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_ids_are_data_never_sql(text_connection: ServingConnection, text: str) -> None:
    release(text_connection, recommendations([text, "b"], [text, "i", "j"]), k=3)
    execute = text_connection.execute
    assert len(execute("SELECT * FROM x_ml.recommendations WHERE customer_id = %s", [text]).fetchall()) == 6
    assert len(execute("SELECT * FROM x_ml.recommend(%s, 'for_you', 3)", [text]).fetchall()) == 3
    assert execute("SELECT * FROM x_ml.recommend('b', %s, 3)", [text]).fetchall() == []
    assert execute("SELECT * FROM x_ml.recommend_for_items(%s, 3)", [[text]]).fetchall() == []
    execute("INSERT INTO x_ml_meta.placements (placement, on_stale) VALUES (%s, 'serve')", [text])
    execute("INSERT INTO x_ml_meta.rules (kind, item_id, placement) VALUES ('ban', %s, %s)", [text, text])
    assert len(execute("SELECT * FROM x_ml.recommend(%s, 'for_you', 3)", [text]).fetchall()) == 3


def test_a_lookup_by_function_and_in_the_past_uses_the_index(connection: ServingConnection) -> None:
    for day in range(3):
        release(connection, recommendations(range(3000)), day=day)
    query = "EXPLAIN SELECT * FROM ml.recommendations_as_of(now()) WHERE customer_id = 7 AND placement = 'for_you'"
    plan = "\n".join(row[0] for row in connection.execute(query).fetchall())
    assert "Index Cond: ((customer_id = 7) AND (placement = 'for_you'" in plan
    assert "Subplans Removed: 2" in plan
