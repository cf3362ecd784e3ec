"""Rules act on the next SELECT, and lists stay full."""

from datetime import timedelta

import polars as pl
import pytest
from psycopg import errors

from ml_assets.books.freshness import sync_policies
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.exchange.vocabulary import vocabulary
from ml_assets.settings.serving import ServingSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.exchange.ruled_shop import WORDS, rule, shown
from ml_assets_tests.releases.frames import (
    assignments,
    items,
    popular_items,
    recommendations,
    release,
    segments,
)


@pytest.mark.parametrize("kind", ["unavailable", "ban"])
def test_a_hidden_item_is_gone_and_the_list_is_still_full(shop: ServingConnection, kind: str) -> None:
    rule(shop, kind, 12)
    assert shown(shop) == [11, 13, 14]
    assert shop.execute("SELECT item_id FROM ml.popular_items WHERE scope = 'all' ORDER BY rank").fetchall() == [
        (11,),
        (21,),
        (22,),
    ]
    assert shop.execute("SELECT similar_item_id, rank FROM ml.similar_items WHERE item_id = 11").fetchall() == [(13, 1)]
    shop.execute("DELETE FROM ml_meta.rules")
    assert shown(shop) == [11, 12, 13]


def test_a_rule_for_one_placement_leaves_the_others_alone(shop: ServingConnection) -> None:
    rule(shop, "ban", 12, placement="for_you")
    assert (shown(shop), shown(shop, "discover")) == ([11, 13, 14], [11, 12, 13])
    assert shop.execute("SELECT count(*) FROM ml.similar_items WHERE similar_item_id = 12").fetchone() == (1,)


def test_a_rule_may_be_for_the_customers_of_one_segment(shop: ServingConnection) -> None:
    rule(shop, "pin", 16, 1, segment_key="dormant")
    rule(shop, "pin", 15, 1, segment_key="prospects")
    assert (shown(shop, customer=1), shown(shop, customer=2)) == ([15, 11, 12], [15, 11, 12])
    release(shop, assignments(), "segment_assignments", segments=segments())
    assert (shown(shop, customer=1), shown(shop, customer=2)) == ([11, 12, 13], [16, 11, 12])
    rule(shop, "boost", category="dairy", value=0.01, segment_key="loyal")
    assert shown(shop, customer=1)[0] == 15
    assert shown(shop, customer=2) == [16, 11, 12]


def test_an_item_is_hidden_for_all_segments_or_none(shop: ServingConnection) -> None:
    with pytest.raises(errors.CheckViolation, match="only_orders_lists_by_segment"):
        rule(shop, "ban", 12, segment_key="loyal")


def test_rules_are_in_force_between_their_dates_only(shop: ServingConnection) -> None:
    rule(shop, "ban", 11, valid_from="now", valid_until="infinity")
    rule(shop, "ban", 12, valid_from="tomorrow")
    rule(shop, "ban", 13, valid_until="yesterday")
    rule(shop, "pin", 16, 1, valid_from="tomorrow")
    assert shown(shop) == [12, 13, 14]


def test_what_was_bought_stays_away_for_the_repeat_interval(shop: ServingConnection) -> None:
    shop.execute(
        "INSERT INTO ml_meta.purchases VALUES (1, 11, now()), (1, 12, now() - interval '5 days'), (2, 13, now())"
    )
    assert shown(shop) == [12, 13, 14]
    assert shown(shop, "discover") == [13, 14, 15]
    assert shown(shop, customer=2) == [11, 12, 14]
    sync_reading(shop, ServingSettings.model_validate({"placements": {"for_you": {"repeat_after": "7d"}}}))
    assert shown(shop) == [13, 14, 15]


def test_publishing_forgets_purchases_that_the_release_knows(shop: ServingConnection) -> None:
    shop.execute("INSERT INTO ml_meta.purchases VALUES (1, 11, '2026-01-01'), (1, 12, '2026-01-09'), (1, 13, now())")
    release(shop, recommendations(items=[11, 12, 13, 14, 15, 16]), k=3, day=2)
    left = shop.execute("SELECT item_id FROM ml_meta.purchases ORDER BY 1").fetchall()
    assert left == [(12,), (13,)]


def test_customers_who_opted_out_have_no_personal_rows_from_the_next_read(shop: ServingConnection) -> None:
    release(shop, assignments(), "segment_assignments", segments=segments())
    shop.execute("INSERT INTO ml_meta.opt_outs VALUES (1)")
    assert shown(shop) == []
    for view in ("segment_assignments", "past_recommendations", "past_segment_assignments"):
        assert shop.execute(f"SELECT count(*) FROM ml.{view} WHERE customer_id = 1").fetchone() == (0,)
    assert shown(shop, customer=2) == [11, 12, 13]
    assert [row[0] for row in shop.execute("SELECT item_id FROM ml.recommend(1)").fetchall()] == [11, 21, 22]


def test_pinned_items_are_at_their_place_and_say_so(shop: ServingConnection) -> None:
    rule(shop, "pin", 99, 2)
    rule(shop, "pin", 13, 1, placement="for_you")
    assert (shown(shop), shown(shop, "discover")) == ([13, 99, 11], [11, 99, 12])
    row = shop.execute(
        "SELECT source, reason_code, reason_text, score, reason_items FROM ml.recommendations "
        "WHERE item_id = 99 LIMIT 1"
    ).fetchone()
    assert row == ("pinned", "pinned", "Recommended by our team", None, [])
    rule(shop, "unavailable", 99)
    assert shown(shop) == [13, 11, 12]


def test_a_boost_moves_items_and_categories_up_and_down(shop: ServingConnection) -> None:
    rule(shop, "boost", 16, 10)
    assert shown(shop) == [16, 11, 12]
    rule(shop, "boost", 11, 0.1)
    assert shown(shop) == [16, 12, 13]
    shop.execute("DELETE FROM ml_meta.rules")
    rule(shop, "boost", category="dairy", value=0.01)
    assert shown(shop) == [15, 16, 11]


def test_a_cap_limits_a_category_and_zero_bans_it(shop: ServingConnection) -> None:
    rule(shop, "cap", category="dairy", value=1)
    assert shown(shop) == [11, 15, 16]
    rule(shop, "cap", category="dairy", value=0, placement="for_you")
    assert (shown(shop), shown(shop, "discover")) == ([15, 16, 21], [11, 15, 16])


def test_boosts_and_caps_may_be_for_a_brand_and_a_segment(shop: ServingConnection) -> None:
    release(shop, assignments(), "segment_assignments", segments=segments())
    brands = items().with_columns(pl.lit("Own").alias("brand"))
    release(shop, popular_items(), "popular_items", items=brands)
    shop.execute("UPDATE ml_store.items SET brand = 'Other' WHERE item_id = 13")
    rule(shop, "boost", brand="Other", value=10, segment_key="dormant")
    assert (shown(shop, customer=1), shown(shop, customer=2)) == ([11, 12, 13], [13, 11, 12])
    rule(shop, "cap", brand="Own", value=1)
    assert shown(shop, customer=1)[:2] == [11, 13]
    rule(shop, "cap", brand="Own", value=0)
    assert shown(shop, customer=2)[:2] == [13, 15]
    with pytest.raises(errors.CheckViolation, match="names_what_it_is_about"):
        rule(shop, "boost", category="dairy", brand="Own", value=2)


def test_lists_that_rules_emptied_are_filled_up_with_popular_items(shop: ServingConnection) -> None:
    for item in (12, 13, 14, 15, 16, 21):
        rule(shop, "unavailable", item)
    assert shown(shop) == [11, 22, 23]
    # Nobody knows whether these are new to the customer.
    assert shown(shop, "discover") == [11]
    rows = shop.execute(
        "SELECT source, reason_text, release_id FROM ml.recommendations "
        "WHERE customer_id = 1 AND placement = 'for_you' ORDER BY rank"
    ).fetchall()
    assert rows[1] == ("popular", "Popular right now", rows[0][2])


def test_a_short_list_is_not_filled_up_where_nothing_was_taken_away(connection: ServingConnection) -> None:
    release(connection, recommendations(items=[11, 12]), k=5)
    release(connection, popular_items(), "popular_items")
    assert shown(connection) == [11, 12]


@pytest.mark.parametrize(
    ("policy", "expected"), [("serve", [11, 12, 13]), ("empty", []), ("fallback_popular", [11, 21, 22])]
)
def test_a_stale_list_does_what_its_placement_says(shop: ServingConnection, policy: str, expected: list[int]) -> None:
    sync_reading(shop, ServingSettings.model_validate({"placements": {"for_you": {"on_stale": policy}}}))
    assert (shown(shop), shown(shop, "discover")) == ([11, 12, 13], [11, 12, 13])
    sync_policies(shop, Settings())
    assert (shown(shop), shown(shop, "discover")) == (expected, [11, 12, 13])
    assert [row[0] for row in shop.execute("SELECT item_id FROM ml.recommend(1, 'for_you', 3)").fetchall()] == expected
    releases = shop.execute(
        "SELECT DISTINCT s.subject, v.is_stale FROM ml.recommendations v JOIN ml.releases s USING (release_id) "
        "WHERE placement = 'for_you'"
    ).fetchall()
    subject = "popular_items" if policy == "fallback_popular" else "recommendations"
    assert releases == ([(subject, True)] if expected else [])


def test_buy_again_never_falls_back_to_popular_items() -> None:
    with pytest.raises(ValueError, match="popular items were not all bought before"):
        ServingSettings.model_validate({"placements": {"buy_again": {"on_stale": "fallback_popular"}}})


@pytest.mark.parametrize(("kind", "gone"), [("boolean", "false"), ("integer", "0"), ("numeric", "-1")])
def test_availability_can_come_from_a_table_of_the_shop(shop: ServingConnection, kind: str, gone: str) -> None:
    shop.execute('CREATE SCHEMA "my shop"')
    shop.execute(f'CREATE TABLE "my shop"."Products" ("SKU" integer, "in stock;" {kind})')
    shop.execute(f'INSERT INTO "my shop"."Products" VALUES (11, {gone}), (12, NULL), (13, DEFAULT), (NULL, {gone})')
    mapped = {"availability": {"table": "my shop.Products", "item": "SKU", "available": "in stock;"}}
    sync_reading(shop, ServingSettings.model_validate(mapped))
    assert shown(shop) == [12, 13, 14]
    shop.execute('UPDATE "my shop"."Products" SET "in stock;" = NULL')
    assert shown(shop) == [11, 12, 13]
    rule(shop, "ban", 12)
    assert shown(shop) == [11, 13, 14]
    sync_reading(shop, ServingSettings())
    assert shown(shop) == [11, 13, 14]


def test_purchases_can_come_from_a_table_of_the_shop(shop: ServingConnection) -> None:
    shop.execute("CREATE TABLE public.order_lines (buyer bigint, sku bigint, at timestamptz)")
    shop.execute(
        "INSERT INTO public.order_lines VALUES (1, 12, now()), (1, 13, now() - interval '9 days'), (1, NULL, now())"
    )
    mapped = {"purchases": {"table": "order_lines", "customer": "buyer", "item": "sku", "time": "at"}}
    sync_reading(shop, ServingSettings.model_validate(mapped))
    assert (shown(shop), shown(shop, customer=2)) == ([11, 13, 14], [11, 12, 13])


@pytest.mark.parametrize(
    ("mapped", "words"),
    [
        ({"table": "nowhere", "item": "a", "available": "b"}, "no table nowhere"),
        ({"table": "public.products", "item": "a", "available": "stock"}, "no column a"),
        ({"table": "public.products", "item": "name", "available": "stock"}, "name of public.products is text"),
        ({"table": "public.products", "item": "sku", "available": "name"}, "neither boolean nor a number"),
        ({"table": "x'; DROP SCHEMA ml; --", "item": "a", "available": "b"}, "no table x'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(shop: ServingConnection, mapped: dict[str, str], words: str) -> None:
    shop.execute("CREATE TABLE public.products (sku bigint, name text, stock integer)")
    with pytest.raises(UserError, match=words):
        sync_reading(shop, ServingSettings.model_validate({"availability": mapped}))
    assert shown(shop) == [11, 12, 13]


def test_text_ids_obey_rules_too(text_connection: ServingConnection) -> None:
    strange = ["a'; --", 'b"', "c\\", "d"]
    release(text_connection, recommendations(strange, strange), k=2)
    insert = "INSERT INTO x_ml_meta.rules (kind, item_id, value) VALUES (%s, %s, %s)"
    text_connection.execute(insert, ["ban", strange[0], None])
    text_connection.execute(insert, ["pin", "new '\"\\", 1])
    text_connection.execute("INSERT INTO x_ml_meta.purchases VALUES (%s, %s)", [strange[0], strange[1]])
    query = "SELECT item_id FROM x_ml.recommend(%s, 'for_you', 3)"
    assert text_connection.execute(query, [strange[0]]).fetchall() == [("new '\"\\",), ("c\\",), ("d",)]


def test_a_rule_for_a_list_that_does_not_exist_is_refused_by_the_table_too(shop: ServingConnection) -> None:
    assert vocabulary(shop, WORDS.tz).placements == ("buy_again", "discover", "for_you")
    with pytest.raises(errors.ForeignKeyViolation, match="is_about_a_known_list"):
        rule(shop, "pin", 12, 1, placement="for_yuo")


@pytest.mark.parametrize(
    "values",
    [
        "('pin', 1, NULL, NULL)",
        "('pin', 1, NULL, 0)",
        "('cap', 1, 'a', 2)",
        "('cap', NULL, 'a', -1)",
        "('boost', 1, 'a', 2)",
        "('boost', 1, NULL, 'nan')",
        "('ban', NULL, NULL, NULL)",
        "('ban', 1, NULL, 1)",
    ],
)
def test_the_table_itself_refuses_senseless_rules(shop: ServingConnection, values: str) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.CheckViolation):
        shop.execute(f"INSERT INTO ml_meta.rules (kind, item_id, category, value) VALUES {values}")


def test_rules_act_within_a_moment_on_prepared_statements(shop: ServingConnection) -> None:
    query = "SELECT item_id FROM ml.recommendations WHERE customer_id = %s AND placement = 'for_you' ORDER BY rank"
    for _ in range(10):
        assert shop.execute(query, [1], prepare=True).fetchall() == [(11,), (12,), (13,)]
    rule(shop, "ban", 11)
    rule(shop, "pin", 16, 1)
    assert shop.execute(query, [1], prepare=True).fetchall() == [(16,), (12,), (13,)]


def test_a_repeat_interval_of_nothing_lets_everything_be_repeated(shop: ServingConnection) -> None:
    sync_reading(shop, ServingSettings.model_validate({"placements": {"for_you": {"repeat_after": timedelta(0)}}}))
    shop.execute("INSERT INTO ml_meta.purchases VALUES (1, 11, now())")
    assert shown(shop) == [11, 12, 13]


def test_pins_in_a_list_of_popular_items_shown_instead_belong_to_its_release(shop: ServingConnection) -> None:
    fallback = {"placements": {"for_you": {"on_stale": "fallback_popular"}}}
    sync_reading(shop, ServingSettings.model_validate(fallback))
    sync_policies(shop, Settings())
    rule(shop, "pin", 99, 2)
    assert shown(shop) == [11, 99, 21]
    query = "SELECT DISTINCT release_id, data_as_of, is_stale FROM ml.recommendations WHERE placement = 'for_you'"
    assert len(shop.execute(query).fetchall()) == 1
