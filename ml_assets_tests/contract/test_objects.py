"""Views and functions are as their files say, and only what changed is applied again."""

import re
from dataclasses import replace
from importlib import resources
from textwrap import dedent

import pytest
from packaging.version import Version

from ml_assets.contract import objects
from ml_assets.contract.files import fill_words
from ml_assets.contract.migrate import Contract, Migration, delivered, migrate
from ml_assets.contract.order import SqlObject, delivered_objects, in_order
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.settings.serving import ServingSettings
from ml_assets_tests.contract.definitions import definitions
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import recommendations, release

TABLES = delivered().migrations


def test_every_file_stands_in_the_order_and_makes_what_it_is_named_after() -> None:
    contract = resources.files("ml_assets.contract")
    files = {f"{kind}/{file.name[:-4]}" for kind in ("views", "functions") for file in (contract / kind).iterdir()}
    ordered = delivered_objects()
    assert {each.name.split(" ")[0] for each in ordered} == files
    assert len({each.name for each in ordered}) == len(ordered)
    for each in ordered:
        kind, name = each.name.split(" ")[0].split("/")
        assert each.text.count("CREATE OR REPLACE VIEW") + each.text.count("CREATE OR REPLACE FUNCTION") == 1
        made = next((f":{word}" for word in ("view", "function") if word in each.values), f".{name}")
        assert f"CREATE OR REPLACE {kind[:-1].upper()}" in each.text
        assert made in each.text


def test_every_function_says_who_may_execute_it() -> None:
    functions = [each for each in delivered_objects() if each.name.startswith("functions/")]
    texts = {each.name: fill_words(each.text, each.values) for each in functions}
    silent = [name for name, text in texts.items() if not re.search(r"(REVOKE|GRANT) EXECUTE ON FUNCTION", text)]
    assert silent == []


def test_what_runs_with_its_owners_rights_has_a_fixed_search_path() -> None:
    for each in delivered_objects():
        if "SECURITY DEFINER" in each.text:
            assert "SECURITY DEFINER SET search_path = pg_catalog, pg_temp" in each.text, each.name


DROPPED = re.compile(r"^DROP (VIEW|FUNCTION) [^;]*;", re.MULTILINE)


def test_tables_name_no_view_and_no_function_but_to_drop_it() -> None:
    made = {each.name.split("/")[1] for each in delivered_objects() if each.name.startswith("functions/")}
    tables = DROPPED.sub("", "".join(table.text for table in TABLES))
    assert [name for name in made if f'".{name}(' in tables] == []
    assert "CREATE VIEW" not in tables


def changed(name: str, text: str) -> Contract:
    """What is delivered, with another text of one object."""
    return Contract(TABLES, [replace(each, text=text) if each.name == name else each for each in delivered_objects()])


def text_of(name: str) -> str:
    return next(each.text for each in delivered_objects() if each.name == name)


def test_what_changed_is_applied_again_with_all_that_may_stand_on_it(connection: ServingConnection) -> None:
    first = release(connection, recommendations()).release_id
    text = text_of("views/recommendations") + "COMMENT ON VIEW :\"ml\".recommendations IS 'Now in other words.';"
    again = migrate(connection, **SHOP, contract=changed("views/recommendations", text))
    assert again[0] == "views/recommendations"
    assert again == [each.name for each in delivered_objects()][-len(again) :]
    comment = "SELECT obj_description('ml.recommendations'::regclass)"
    assert connection.execute(comment).fetchone() == ("Now in other words.",)
    assert connection.execute("SELECT DISTINCT release_id FROM ml.recommendations").fetchall() == [(first,)]
    assert migrate(connection, **SHOP, contract=changed("views/recommendations", text)) == []


def test_a_new_object_gets_the_grants_of_the_contract(connection: ServingConnection) -> None:
    contract = delivered()
    new = SqlObject("views/new", 'CREATE OR REPLACE VIEW :"ml".new AS SELECT 1 AS one;')
    migrate(connection, **SHOP, contract=Contract(TABLES, [*contract.objects, new]))
    assert connection.execute("SELECT has_table_privilege('ml_reader', 'ml.new', 'SELECT')").fetchone() == (True,)


def test_an_object_that_fails_leaves_all_of_them_as_they_were(connection: ServingConnection) -> None:
    before = definitions(connection)
    text = text_of("views/popular_items").replace("t.scope", "t.scope::varchar")
    with pytest.raises(UserError, match=r"views/popular_items cannot replace .*change data type.*scope"):
        migrate(connection, **SHOP, contract=changed("views/popular_items", text))
    assert definitions(connection) == before


def test_a_column_that_goes_is_refused_with_the_way_to_do_it(connection: ServingConnection) -> None:
    with pytest.raises(UserError) as error:
        migrate(
            connection,
            **SHOP,
            contract=changed(
                "views/contract_version", 'CREATE OR REPLACE VIEW :"ml".contract_version AS SELECT 1 AS number;'
            ),
        )
    assert "views/contract_version cannot replace" in error.value.problem
    assert "numbered file" in error.value.next_step


def test_a_numbered_file_that_drops_them_makes_room_for_what_returns_something_else(
    connection: ServingConnection,
) -> None:
    """As CONTRIBUTING.md says it is done."""
    text = """
        DROP VIEW IF EXISTS :"ml".contract_version;
        DROP FUNCTION IF EXISTS :"ml".recommend(:customer_id_type, text, integer);
    """
    drop = Migration(900, "900_drop", dedent(text))
    assert DROPPED.sub("", drop.text).strip() == ""
    view = 'CREATE OR REPLACE VIEW :"ml".contract_version AS SELECT 2::bigint AS number;'
    function = text_of("functions/recommend").replace("score real", "score double precision")
    new = {"views/contract_version": view, "functions/recommend": function}
    objects = [replace(each, text=new.get(each.name, each.text)) for each in delivered_objects()]
    migrate(connection, **SHOP, contract=Contract([*TABLES, drop], objects))
    assert connection.execute("SELECT number FROM ml.contract_version").fetchone() == (2,)
    returned = "SELECT pg_get_function_result('ml.recommend'::regproc)"
    assert "score double precision" in str(connection.execute(returned).fetchone())


def test_an_older_program_leaves_the_views_of_a_newer_one_alone(
    connection: ServingConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(objects, "VERSION", Version("99.1"))
        text = text_of("views/incidents") + "-- newer"
        migrate(connection, **SHOP, contract=changed("views/incidents", text))
    with refused("database.newer", r"99\.1"):
        migrate(connection, **SHOP)


def test_what_the_settings_said_of_the_shops_tables_outlives_an_upgrade(connection: ServingConnection) -> None:
    connection.execute(
        "CREATE TABLE public.stock (sku bigint, here boolean); INSERT INTO public.stock VALUES (11, false)"
    )
    mapped = {"availability": {"table": "public.stock", "item": "sku", "available": "here"}}
    sync_reading(connection, ServingSettings.model_validate(mapped))
    text = text_of("functions/is_erased") + "-- newer"
    assert "views/hidden_items" not in migrate(connection, **SHOP, contract=changed("functions/is_erased", text))
    assert connection.execute("SELECT item_id FROM ml_meta.hidden_items").fetchall() == [(11,)]
    sync_reading(connection, ServingSettings())
    assert connection.execute("SELECT item_id FROM ml_meta.hidden_items").fetchall() == []


@pytest.mark.parametrize("drop", ["VIEW ml.popular_items", "FUNCTION ml.recommend", "VIEW ml.recommendations CASCADE"])
def test_an_object_that_was_dropped_by_hand_comes_back_with_its_grants(
    connection: ServingConnection, drop: str
) -> None:
    before = definitions(connection)
    connection.execute(f"DROP {drop}".encode())
    assert migrate(connection, **SHOP) != []
    assert definitions(connection) == before


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER refuse_erased ON ml_meta.opt_outs",
        "ALTER TABLE ml_meta.opt_outs DISABLE TRIGGER refuse_erased",
        "REVOKE SELECT ON ml.popular_items FROM ml_reader",
        "REVOKE EXECUTE ON FUNCTION ml_meta.live_release FROM PUBLIC",
        "REVOKE INSERT ON ml_meta.incidents FROM ml_writer",
        "REVOKE USAGE ON SCHEMA ml FROM ml_reader",
        "GRANT EXECUTE ON FUNCTION ml_meta.erased_among TO PUBLIC",
        "GRANT SELECT ON ml_meta.opt_outs TO ml_reader",
        "GRANT SELECT (customer_id) ON ml_meta.opt_outs TO PUBLIC",
        "COMMENT ON VIEW ml.popular_items IS NULL",
        "COMMENT ON COLUMN ml.popular_items.scope IS NULL",
        "COMMENT ON FUNCTION ml_meta.is_erased IS NULL",
        "CREATE OR REPLACE VIEW ml.contract_version AS SELECT 99 AS version",
        "ALTER VIEW ml.popular_items SET (security_barrier)",
        "ALTER FUNCTION ml_meta.is_erased SECURITY INVOKER",
        "ALTER FUNCTION ml_meta.is_erased RESET search_path",
    ],
)
def test_what_was_changed_by_hand_is_brought_back(connection: ServingConnection, change: str) -> None:
    before = definitions(connection)
    connection.execute(change.encode())
    assert definitions(connection) != before
    migrate(connection, **SHOP)
    assert definitions(connection) == before
    connection.execute("CREATE TEMPORARY TABLE noted AS TABLE ml_meta.objects")
    assert migrate(connection, **SHOP) == []
    assert connection.execute("TABLE noted EXCEPT TABLE ml_meta.objects").fetchall() == []


def test_an_object_that_cannot_be_brought_back_is_named_with_the_way_to_do_it(connection: ServingConnection) -> None:
    before = definitions(connection)
    connection.execute("CREATE OR REPLACE VIEW ml.contract_version AS SELECT 2 AS version, 'mine' AS note")
    with refused("database.damaged", "changed views/contract_version .*drop contract_version in `ml-assets psql`"):
        migrate(connection, **SHOP)
    connection.execute("DROP VIEW ml.contract_version")
    migrate(connection, **SHOP)
    assert definitions(connection) == before


def test_publishing_and_other_search_paths_are_no_change_by_hand(
    connection: ServingConnection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.execute("CREATE TABLE public.stock (sku bigint, here boolean)")
    mapped = {"availability": {"table": "public.stock", "item": "sku", "available": "here"}}
    sync_reading(connection, ServingSettings.model_validate(mapped))
    migrate(connection, **SHOP)
    release(connection, recommendations())
    noted = connection.execute("SELECT * FROM ml_meta.objects ORDER BY name").fetchall()
    for path in ("public, ml, ml_meta", "pg_catalog"):
        connection.execute(f"SET search_path = {path}".encode())
        assert migrate(connection, **SHOP) == []
        sync_reading(connection, ServingSettings.model_validate(mapped))
    assert connection.execute("SELECT * FROM ml_meta.objects ORDER BY name").fetchall() == noted
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-- One\nCREATE VIEW SELEC 1;", r'line 2 \(CREATE VIEW SELEC 1;\): syntax error at or near "1"'),
        ("SELECT nothing;", r'line 1 \(SELECT nothing;\): column "nothing" does not exist'),
        ('SELECT 1;\nSELECT * FROM :"stroe".items;', r'line 2: :"stroe" stands for nothing'),
        ("SELECT :item_id_tpye;", r"line 1 .*syntax error"),
        (
            'CREATE OR REPLACE FUNCTION :"ml".wrong() RETURNS int LANGUAGE sql AS $$ SELECT now() $$;',
            "return type mismatch",
        ),
    ],
)
def test_an_error_in_a_file_names_the_file_and_the_line(connection: ServingConnection, text: str, told: str) -> None:
    with refused("contract.wrong", rf"ml_assets/contract/views/incidents\.sql.*{told}"):
        migrate(connection, **SHOP, contract=changed("views/incidents", text))


def test_an_error_in_a_numbered_file_names_the_file_and_the_line(connection: ServingConnection) -> None:
    file = Migration(99, "099_new", 'ALTER TABLE :"meta".opt_outs\nADD COLUMN since dat;')
    with refused("contract.wrong", r'contract/tables/099_new\.sql, line 2 .*type "dat" does not exist'):
        migrate(connection, **SHOP, contract=Contract([*TABLES, file], delivered_objects()))


def test_a_table_that_was_changed_by_hand_is_told_and_no_file_blamed(connection: ServingConnection) -> None:
    connection.execute("DROP VIEW ml.incidents; ALTER TABLE ml_meta.incidents RENAME COLUMN owner TO minder")
    with refused("database.damaged", "column i.owner does not exist"):
        migrate(connection, **SHOP)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("views/a\nviews/b\nviews/c", "line 3 names views/c, but there is no such file"),
        ("views/a", "no line names views/b"),
        ("views/a\nviews/b\nviews/a", "views/a stands there twice"),
        ("views/a\nviews/b x", "line 2 .* is no path with word=value"),
        ('views/a "\nviews/b', "line 1 .* is no path with word=value"),
    ],
)
def test_a_wrong_order_is_told(order: str, told: str) -> None:
    with refused("contract.wrong", f"order.txt: {told}"):
        in_order(order, {"views/a": "", "views/b": ""})
