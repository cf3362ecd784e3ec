"""Rules, purchases and opt-outs are taken from files, whole or not at all, with the place of everything wrong."""

from pathlib import Path

import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.exchange.rule_tables import import_rules, unknown_things
from ml_assets.exchange.rules import read_rules
from ml_assets_tests.exchange.ruled_shop import WORDS, shown
from ml_assets_tests.refused import refused


def test_a_hidden_item_cannot_be_for_a_segment_in_a_file(tmp_path: Path) -> None:
    with refused("file.refused", "line 2, column segment_key: a ban is for everybody"):
        read_rules(write(tmp_path, "kind,item_id,segment_key\nban,12,loyal\n"), "rules", WORDS)


def test_a_segment_that_is_not_live_is_pointed_out(shop: ServingConnection) -> None:
    rules: list[dict[str, object]] = [{"segment_key": "at_risk"}, {"segment_key": "prospects"}]
    assert unknown_things(shop, rules) == ["segment at_risk"]


def write(folder: Path, text: str) -> Path:
    path = folder / "rules.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rules_are_taken_from_a_file_once(shop: ServingConnection, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "kind,item_id,category,placement,value,valid_from,valid_until,note\n"
        "ban,12,,,,,,too hot\npin,16,,for_you,1,2026-01-01,2099-01-01T10:00+02:00,\ncap,,dairy,,2,,,\n",
    )
    rows = read_rules(path, "rules", WORDS)
    assert import_rules(shop, "rules", rows, mode="add") == 3
    assert import_rules(shop, "rules", rows, mode="add") == 0
    assert shown(shop) == [16, 11, 13]
    begins = shop.execute("SELECT valid_from = '2025-12-31 23:00+00' FROM ml_meta.rules WHERE kind = 'pin'").fetchone()
    assert begins == (True,)
    assert import_rules(shop, "rules", rows[:1], mode="replace") == 1
    assert shown(shop) == [11, 13, 14]


def test_purchases_and_opt_outs_are_taken_from_files(shop: ServingConnection, tmp_path: Path) -> None:
    path = write(tmp_path, "customer_id,item_id,bought_at\n1,11,\n1,12,2030-01-01T10:00\n")
    assert import_rules(shop, "purchases", read_rules(path, "purchases", WORDS), mode="add") == 2
    assert shown(shop) == [13, 14, 15]
    path = write(tmp_path, "customer_id,note\n2,by mail\n2,by mail\n")
    rows = read_rules(path, "opt-outs", WORDS)
    assert import_rules(shop, "opt-outs", rows, mode="add") == 1
    assert import_rules(shop, "opt-outs", rows, mode="add") == 0
    assert shown(shop, customer=2) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("frob,12,,,,,", "line 2, column kind: 'frob' is not one of"),
        (",12,,,,,", "line 2, column kind: empty"),
        ("ban,twelve,,,,,", "line 2, column item_id: 'twelve' is not a whole number"),
        ("ban,99999999999999999999,,,,,", "is not a whole number"),
        ("ban,12,dairy,,,,", "a ban needs item_id, and nothing else"),
        ("ban,12,,,3,,", "a ban has none"),
        ("pin,12,,,,,", "a pin needs a place from 1 to 500"),
        ("pin,12,,,1.5,,", "a pin needs a place"),
        ("boost,12,,,0,,", "a boost needs a factor"),
        ("boost,12,,,nan,,", "column value: 'nan' is not a number"),
        ("cap,12,,,3,,", "a cap needs category"),
        ("pin,12,,for_yuo,1,,", "column placement: 'for_yuo' is not one of for_you, discover, buy_again"),
        ("ban,12,,,,soon,", "column valid_from: 'soon' is not a time"),
        ("ban,12,,,,2026-02-01,2026-01-01", "valid_until: not after valid_from"),
        ("ban,12,,,,,,,,", "cannot be read as CSV"),
    ],
)
def test_a_file_with_a_bad_row_is_refused_with_its_line_and_column(tmp_path: Path, line: str, words: str) -> None:
    path = write(tmp_path, f"kind,item_id,category,placement,value,valid_from,valid_until\n{line}\n")
    with pytest.raises(UserError) as raised:
        read_rules(path, "rules", WORDS)
    assert words in raised.value.problem
    assert str(path) in raised.value.problem


def test_items_and_categories_that_the_catalogue_does_not_have_are_named(shop: ServingConnection) -> None:
    bans: list[dict[str, object]] = [{"kind": "ban", "item_id": item} for item in (12, 999, 12)]
    assert unknown_things(shop, [*bans, {"kind": "cap", "category": "diary"}]) == ["item 999", "category diary"]


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    with refused("file.refused", "sku"):
        read_rules(write(tmp_path, "kind,sku\nban,1\n"), "rules", WORDS)
    with refused("file.refused", "customer_id"):
        read_rules(write(tmp_path, "item_id\n1\n"), "purchases", WORDS)
    with refused("file.refused", "none.csv"):
        read_rules(tmp_path / "none.csv", "rules", WORDS)
