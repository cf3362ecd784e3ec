"""Predictions as files: what goes out can come in, and what cannot be taken is named by row and column."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.exchange.exports import write_export
from ml_assets.exchange.known import Known, known_ids, without_strangers
from ml_assets.exchange.recommendations import Imported, read_recommendations
from ml_assets.exchange.vocabulary import Vocabulary
from ml_assets.ids import IdType, IdTypes
from ml_assets.lake import Lake
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import MONDAY, assignments, recommendations, release, segments

PLACEMENTS = ("for_you", "discover", "buy_again")
LISTS = "SELECT customer_id, placement, rank, item_id FROM ml.recommendations ORDER BY 1, 2, 3"


def read(path: Path, item: IdType = "bigint") -> Imported:
    return read_recommendations(path, Vocabulary(IdTypes(item, item), PLACEMENTS, ZoneInfo("UTC")))


def write(folder: Path, text: str) -> Path:
    path = folder / "lists.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_exported_can_be_imported_again(connection: ServingConnection, tmp_path: Path, kind: str) -> None:
    release(connection, recommendations())
    connection.execute("INSERT INTO ml_meta.rules (kind, item_id) VALUES ('ban', 11)")
    path = tmp_path / "new" / f"lists.{kind}"
    assert write_export(connection, "recommendations", path, kind) == 12  # type: ignore[arg-type]
    shown = connection.execute(LISTS).fetchall()
    imported = read(path)
    assert imported.day == MONDAY
    connection.execute("DELETE FROM ml_meta.rules")
    published = release(connection, imported.frame, day=1, model_version=imported.version, k=2)
    assert (published.state, connection.execute(LISTS).fetchall()) == ("live", shown)
    assert [path.name for path in path.parent.iterdir()] == [path.name]


def test_segments_are_exported_with_their_names(connection: ServingConnection, tmp_path: Path) -> None:
    release(connection, assignments(), "segment_assignments", segments=segments())
    path = tmp_path / "segments.csv"
    assert write_export(connection, "segments", path, "csv") == 3
    frame = pl.read_csv(path)
    assert frame.select("customer_id", "segment_name").rows() == [(1, "Loyal"), (2, "Dormant"), (3, "Loyal")]


def test_an_export_of_nothing_is_a_header(connection: ServingConnection, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    assert write_export(connection, "recommendations", path, "csv") == 0
    assert path.read_text().startswith("customer_id,placement,rank,item_id,score")


def test_an_export_that_cannot_be_written_leaves_nothing(connection: ServingConnection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        write_export(connection, "recommendations", tmp_path / "file" / "lists.csv", "csv")


def test_the_least_a_file_needs_is_customer_item_and_an_order(connection: ServingConnection, tmp_path: Path) -> None:
    imported = read(write(tmp_path, "customer_id,item_id,rank\n1,12,2\n1,11,1\n2,11,1\n"))
    assert imported.day is None
    release(connection, imported.frame)
    assert connection.execute(LISTS).fetchall() == [(1, "for_you", 1, 11), (1, "for_you", 2, 12), (2, "for_you", 1, 11)]
    row = connection.execute("SELECT source, reason_text FROM ml.recommendations LIMIT 1").fetchone()
    assert row == ("imported", "Picked for you")


def test_the_same_rank_in_lists_of_other_placements_is_none_twice(tmp_path: Path) -> None:
    text = "customer_id,item_id,rank,placement\n1,11,1,for_you\n1,11,1,discover\n"
    assert read(write(tmp_path, text)).frame.height == 2


@pytest.mark.parametrize("character", ["\n", "\t", "\x7f", "\x1b"])
def test_an_id_with_a_control_character_is_refused(tmp_path: Path, character: str) -> None:
    text = f'customer_id,item_id,rank\nanna,x,1\nanna,"a{character}b",2\n'
    with refused("file.refused", "line 3, column item_id: .* has a control character"):
        read(write(tmp_path, text), "text")


def test_a_file_parted_by_another_sign_is_told_from_one_without_the_columns(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read(write(tmp_path, "customer_id|item_id|rank\n1|11|1\n"))
    assert "seems to be parted by upright strokes" in error.value.next_step


def test_unknown_items_are_left_out_and_unknown_customers_counted(tmp_path: Path) -> None:
    text = "customer_id,item_id,rank\n1,11,1\n1,99,2\n1,12,3\n2,99,1\n3,12,1\n"
    lists = read(write(tmp_path, text)).frame
    kept, strangers = without_strangers(lists, Known(pl.Series(["1", "2"]), pl.Series(["11", "12"])))
    assert kept.select("customer_id", "item_ids", "scores").rows() == [(1, [11, 12], [-1, -3]), (3, [12], [-1])]
    assert kept.schema == lists.schema
    assert (strangers.customers, strangers.items, strangers.shown) == (1, 1, ("99",))
    assert strangers.words[0].startswith("1 customer is not among those whose events were loaded")
    assert strangers.words[1].endswith(
        "1 item is neither in the catalogue nor in a loaded event, and left out of all lists: 99."
    )


def test_where_nothing_was_loaded_nothing_is_unknown_and_where_nothing_is_known_the_ids_are_doubted(
    tmp_path: Path,
) -> None:
    lists = read(write(tmp_path, "customer_id,item_id,rank\n1,11,1\n")).frame
    nothing = pl.Series([], dtype=pl.String)
    kept, strangers = without_strangers(lists, Known(nothing, nothing))
    assert kept.equals(lists)
    assert strangers.words == []
    with refused("file.refused", "None of the 1 items of the file, such as 11, is in the catalogue"):
        without_strangers(lists, Known(nothing, pl.Series(["12"])))


def test_the_catalogue_and_the_newest_events_say_who_and_what_is_known(
    connection: ServingConnection, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    assert len(known_ids(connection, lake).items) == 0
    connection.execute("INSERT INTO ml_store.items (item_id, item_name) VALUES (11, 'Tea')")
    lake.write("interactions", pl.DataFrame({"customer_id": [1, 1], "item_id": [12, 13]}), MONDAY)
    lake.write("customer_features", pl.DataFrame({"customer_id": [2]}), MONDAY)
    known = known_ids(connection, lake)
    assert set(known.items) == {"11", "12", "13"}
    assert set(known.customers) == {"1", "2"}


def test_scores_give_the_order_where_there_is_no_rank(tmp_path: Path) -> None:
    imported = read(
        write(tmp_path, "item_id,score,customer_id,placement\na,0.1,x,discover\nb,0.9,x,discover\n"), "text"
    )
    assert imported.frame["item_ids"].to_list() == [["b", "a"]]
    assert imported.frame["placement"].to_list() == ["discover"]


def test_a_pinned_item_without_a_score_comes_back_at_its_place(tmp_path: Path) -> None:
    imported = read(write(tmp_path, "customer_id,item_id,rank,score\n1,13,1,\n1,12,2,0.5\n1,14,3,\n2,11,1,\n2,12,2,\n"))
    assert imported.frame["item_ids"].to_list() == [[13, 12, 14], [11, 12]]
    assert imported.frame["scores"].to_list() == [[0.5, 0.5, 0.5], [-1, -2]]


def test_the_version_names_the_contents(tmp_path: Path) -> None:
    first = read(write(tmp_path, "customer_id,item_id,rank\n1,12,2\n")).version
    assert first == read(write(tmp_path, "customer_id,item_id,rank\n1,12,2\n")).version
    assert first != read(write(tmp_path, "customer_id,item_id,rank\n1,12,3\n")).version


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("item_id,rank\n1,1\n", "has no column customer_id"),
        ("customer_id,item_id\n1,1\n", "neither a column rank nor one score"),
        ("customer_id,item_id,rank\n1,11,1\nanna,11,1\n", "line 3, column customer_id: 'anna' is not a whole number"),
        ("customer_id,item_id,rank\n1,,1\n", "line 2, column item_id: empty"),
        (
            "customer_id,item_id,rank\n1,11,1\n1,12,-7\n1,13,0\n",
            "line 3, column rank: '-7' is not a whole number of 1 or more; line 4, column rank: '0' is not",
        ),
        ("customer_id,item_id,rank\n1,11,1.5\n", "line 2, column rank: '1.5' is not a whole number of 1 or more"),
        (
            "customer_id,item_id,rank\n1,11,1\n2,11,1\n1,12,1\n",
            "line 4, column rank: 1 is twice in the for_you list of customer 1",
        ),
        ("customer_id;item;rank\n1;11;1\n", "has no column item_id; it has: customer_id, item, rank"),
        ("customer_id|item_id|rank\n1|11|1\n", "it has: customer_id|item_id|rank"),
        ("customer_id,item_id,score\n1,11,high\n", "line 2, column score: 'high' is not a number"),
        ("customer_id,item_id,score\n1,11,nan\n", "line 2, column score: 'nan' is not a number"),
        ("customer_id,item_id,score\n1,11,0.5\n1,12,\n", "line 3, column score: empty"),
        (
            "customer_id,item_id,rank,placement\n1,11,1,cart\n",
            "line 2, column placement: 'cart' is not one of for_you, discover",
        ),
        (
            "customer_id,item_id,rank\n1,11,1\n1,12,2\n1,11,3\n",
            "line 4, item 11 is twice in the for_you list of customer 1",
        ),
        ("customer_id,item_id,rank,data_as_of\n1,11,1,soon\n", "column data_as_of: 'soon' is not a day"),
        ("customer_id,item_id,rank,data_as_of\n1,1,1,2026-01-01\n1,2,2,2026-01-02\n", "mixes data as of 2026-01-01"),
        ("customer_id,item_id,rank\n1,11,1,5\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_row_and_column(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as raised:
        read(path)
    assert words in raised.value.problem
    assert str(path) in raised.value.problem


def test_a_missing_file_and_a_damaged_one_are_named(tmp_path: Path) -> None:
    with refused("file.refused", "none.csv"):
        read(tmp_path / "none.csv")
    damaged = tmp_path / "lists.parquet"
    damaged.write_bytes(b"PAR1")
    with refused("file.refused", "lists.parquet"):
        read(damaged)


def test_a_day_in_parquet_is_a_day(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    pl.DataFrame({"customer_id": [1], "item_id": [2], "rank": [1], "data_as_of": [date(2026, 1, 5)]}).write_parquet(
        path
    )
    assert read(path).day == date(2026, 1, 5)
