"""A release that fails a gate is kept and explained, and yesterday's stays live."""

import math
from typing import Any

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.releases.gates import gates
from ml_assets.releases.gates.candidate import Candidate, Verdict
from ml_assets.releases.gates.gates import judge
from ml_assets.releases.gates.shown_lists import sample_of, with_doubles
from ml_assets.releases.pointer import accept
from ml_assets.releases.rows import ReleaseRows
from ml_assets.settings.serving import GateSettings
from ml_assets.subjects import PUBLISHED
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import assignments, recommendations, release, segments


def changed(column: str, value: Any) -> pl.DataFrame:
    """The usual frame with another value in the first row."""
    frame = recommendations()
    values = [value, *frame[column].to_list()[1:]]
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))


BROKEN = {
    "has_rows": recommendations().clear(),
    "unique_keys": pl.concat([recommendations(), recommendations([2])]),
    "equal_lengths": changed("scores", [1.0, 2.0]),
    "no_duplicates": changed("item_ids", [11, 12, 12, 13]),
    "finite_scores": changed("scores", [4.0, math.nan, 2.0, 1.0]),
    "sane_numbers": assignments().with_columns(alive_probability=pl.Series([0.5, None, 1.0])),
}
SUBJECT = {"sane_numbers": "segment_assignments"}
"""Of the broken ones that are not recommendations."""


def test_every_gate_has_a_mark_and_every_one_on_structure_a_broken_release_here() -> None:
    written = {
        name for name, gate in vars(gates).items() if getattr(gate, "__annotations__", {}).get("return") is Verdict
    }
    assert written == {gate.__name__ for gate in (*gates.STRUCTURE, *gates.CONTENTS)}
    assert BROKEN.keys() == {gate.__name__ for gate in gates.STRUCTURE}


@pytest.mark.parametrize("name", BROKEN)
def test_a_renamed_gate_makes_no_broken_release_acceptable(
    connection: ServingConnection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Neither one that it blocked under its old name nor one that it blocks under its new one."""
    subject = SUBJECT.get(name, "recommendations")
    before = release(connection, BROKEN[name], subject)
    monkeypatch.setattr(getattr(gates, name), "__name__", "renamed")
    assert release(connection, BROKEN[name], subject, day=1, override="please").state == "blocked"
    after = release(connection, BROKEN[name], subject, day=2)
    for blocked in (before, after):
        with refused("release.refused"):
            accept(connection, blocked.release_id, reason="x")


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (BROKEN["has_rows"], "recommendations has no rows."),
        (BROKEN["unique_keys"], "2 rows repeat the customer_id and placement"),
        (BROKEN["equal_lengths"], "1 rows have lists of different lengths"),
        (changed("reason_items", None), "1 rows have lists of different lengths"),
        (BROKEN["finite_scores"], "1 scores are missing, not a number or infinite"),
        (changed("scores", [4.0, math.inf, None, 1.0]), "2 scores are missing, not a number or infinite"),
        (BROKEN["no_duplicates"], "1 lists name an item twice or have a gap"),
        (changed("item_ids", [11, None, 12, 13]), "1 lists name an item twice or have a gap"),
        (recommendations([1]), "covers 1 customers, the live release 3: less than 50%"),
    ],
)
def test_a_bad_release_is_blocked_with_a_sentence(
    connection: ServingConnection, frame: pl.DataFrame, sentence: str
) -> None:
    live = release(connection, recommendations())
    blocked = release(connection, frame, day=1)
    assert blocked.state == "blocked"
    assert sentence in (blocked.reason or "")
    shown = connection.execute("SELECT DISTINCT release_id FROM ml.recommendations").fetchall()
    assert shown == [(live.release_id,)]
    kept = "SELECT state, reason, rows FROM ml.releases WHERE release_id = %s"
    assert connection.execute(kept, [blocked.release_id]).fetchone() == ("blocked", blocked.reason, frame.height)


def test_a_good_release_after_a_blocked_one_of_the_same_day_goes_live(connection: ServingConnection) -> None:
    release(connection, recommendations())
    release(connection, recommendations([1]), day=1)
    assert release(connection, recommendations(), day=1).state == "live"
    states = connection.execute("SELECT state FROM ml.releases ORDER BY release_id").fetchall()
    assert states == [("ready",), ("retired",), ("live",)]


def test_a_blocked_release_of_the_live_day_leaves_it_live(connection: ServingConnection) -> None:
    live = release(connection, recommendations())
    assert release(connection, recommendations([1])).state == "blocked"
    assert connection.execute("SELECT release_id FROM ml_meta.live").fetchall() == [(live.release_id,)]


@pytest.mark.parametrize(
    ("keys", "described", "sentence"),
    [
        (["loyal"] * 99 + ["dormant"], ("loyal", "dormant"), "The segment loyal holds 99% of the customers."),
        (["loyal", "new"], ("loyal",), "Customers are in segments without a profile: new."),
    ],
)
def test_segments_are_judged(
    connection: ServingConnection, keys: list[str], described: list[str], sentence: str
) -> None:
    blocked = release(
        connection, assignments(keys), "segment_assignments", segments=segments(described), gates=GateSettings()
    )
    assert (blocked.state, blocked.reason) == ("blocked", sentence)


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("alive_probability", [0.5, None, 1.0], "1 values of alive_probability are missing"),
        ("alive_probability", [0.5, 0.0, 1.01], "1 values of alive_probability are missing, not a number, negative or"),
        ("alive_probability", [math.nan, -0.1, 1.0], "2 values of alive_probability"),
        ("expected_spend_90d", [5.0, -0.01, 2.0], "1 values of expected_spend_90d are missing, not a number, negative"),
        ("expected_spend_90d", [math.inf, None, 2.0], "2 values of expected_spend_90d"),
    ],
)
def test_values_of_customers_that_make_no_sense_are_blocked(
    connection: ServingConnection, column: str, values: list[float | None], sentence: str
) -> None:
    good = assignments().with_columns(alive_probability=pl.lit(0.0), expected_spend_90d=pl.lit(1e9))
    live = release(connection, good, "segment_assignments", segments=segments())
    assert live.state == "live"
    broken = good.with_columns(pl.Series(column, values, dtype=pl.Float64))
    blocked = release(connection, broken, "segment_assignments", day=1, segments=segments())
    assert blocked.state == "blocked"
    assert sentence in (blocked.reason or "")
    shown = connection.execute("SELECT DISTINCT release_id FROM ml.segment_assignments").fetchall()
    assert shown == [(live.release_id,)]


def test_a_segment_that_emptied_since_training_is_no_fault(connection: ServingConnection) -> None:
    published = release(connection, assignments(["loyal"]), "segment_assignments", segments=segments(["loyal", "new"]))
    assert published.state == "live"


def test_a_tiny_shop_may_have_one_segment(connection: ServingConnection) -> None:
    frame = assignments(["active"] * 5)
    assert release(connection, frame, "segment_assignments", segments=segments(["active"])).state == "live"


def test_a_backfilled_day_is_not_held_against_the_larger_shop_of_today(connection: ServingConnection) -> None:
    assert release(connection, recommendations()).state == "live"
    earlier = release(connection, recommendations([1]), day=-1)
    assert (earlier.state, earlier.reason) == ("ready", None)


def test_a_shop_too_small_for_similar_items_is_not_blocked_for_ever(connection: ServingConnection) -> None:
    nothing = pl.DataFrame(schema={"item_id": pl.Int64, "item_ids": pl.List(pl.Int64), "scores": pl.List(pl.Float32)})
    assert release(connection, nothing, "similar_items").state == "live"


def many(count: int = 200, shift: int = 0, **columns: Any) -> pl.DataFrame:
    """Lists of five items, of which no two are alike, for more customers than the gates need."""
    frame = pl.DataFrame(
        [
            {
                "customer_id": customer,
                "placement": "for_you",
                "item_ids": [(customer * 7 + shift + place * 3) % 1009 for place in range(5)],
                "scores": [5.0 - place for place in range(5)],
                "sources": ["personal"] * 5,
                "reason_codes": ["bought_often"] * 5,
                "reason_items": [[]] * 5,
            }
            for customer in range(count)
        ],
        schema_overrides={"reason_items": pl.List(pl.List(pl.Int64))},
    )
    return frame.with_columns(pl.Series(name, [value] * count) for name, value in columns.items())


@pytest.mark.parametrize(
    ("frame", "more", "sentence"),
    [
        (many(item_ids=[1, 2, 3, 4, 5]), {}, "100% of the for_you lists are the same"),
        (many(scores=[1.0] * 5), {}, "All scores are equal in 100% of the lists"),
        (many(sources=["popular_in_category"] * 5), {}, "100% of the items in for_you lists are just popular"),
        (many(shift=500), {}, "share 0.0% of their items with the live ones"),
        (many(), {}, "100.0% of its lists are exactly those of an older day"),
        (many(shift=3), {"k": 60}, "100% of the for_you lists have fewer than 60 items"),
        (many(shift=3), {"active": pl.Series([*range(150), *range(1000, 1150)])}, "50% of 300 active customers"),
    ],
)
def test_a_release_that_makes_no_sense_is_blocked(
    connection: ServingConnection, frame: pl.DataFrame, more: dict[str, Any], sentence: str
) -> None:
    live = release(connection, many(), k=5, gates=GateSettings())
    assert (live.state, live.reason) == ("live", None)
    facts: dict[str, Any] = {"k": 5, "gates": GateSettings()} | more
    blocked = release(connection, frame, day=1, **facts)
    assert blocked.state == "blocked"
    assert sentence in (blocked.reason or "")
    assert release(connection, many(shift=3), day=1, k=5, gates=GateSettings()).state == "live"


def test_best_sellers_are_no_fault_where_nothing_better_was_found(connection: ServingConnection) -> None:
    alike = many(item_ids=[1, 2, 3, 4, 5], sources=["popular"] * 5)
    chosen: dict[str, Any] = {"k": 5, "gates": GateSettings(), "best_sellers": frozenset({"for_you"})}
    assert release(connection, alike, **chosen).state == "live"
    assert release(connection, alike, day=1, **chosen).state == "live", "they may be those of yesterday, too"
    other = frozenset({"discover"})
    assert release(connection, alike, day=2, **(chosen | {"best_sellers": other})).state == "blocked"


def test_lists_much_shorter_than_the_live_ones_are_blocked(connection: ServingConnection) -> None:
    release(connection, recommendations(items=[11, 12, 13, 14, 15]), k=5)
    blocked = release(connection, recommendations(items=[11, 12]), k=5, day=1)
    assert blocked.reason == "Lists show 2.0 items, those of the live release 5.0: under 50%."


def test_a_release_of_items_that_cannot_be_had_is_blocked(connection: ServingConnection) -> None:
    connection.execute("INSERT INTO ml_meta.rules (kind, item_id) VALUES ('unavailable', 11), ('ban', 12)")
    assert release(connection, recommendations(), k=4).state == "live"
    blocked = release(connection, recommendations(), k=3, day=1)
    assert blocked.reason == "67% of the items it shows are unavailable or banned now."


def test_segments_that_everybody_left_are_blocked(connection: ServingConnection) -> None:
    def published(loyal: int, day: int) -> str | None:
        frame = assignments(["loyal"] * loyal + ["dormant"] * (200 - loyal))
        more: dict[str, Any] = {"segments": segments(), "gates": GateSettings(), "day": day}
        return release(connection, frame, "segment_assignments", **more).reason

    assert published(180, 0) is None
    assert published(60, 1) is None
    assert published(185, 2) == "62% of the customers are in another segment than in the live release."


def test_every_limit_is_a_setting(connection: ServingConnection) -> None:
    release(connection, many(), k=5, gates=GateSettings())
    lax = GateSettings(
        least_coverage=0, least_overlap=0, most_same=1, most_constant=1, most_fallback=1, most_unchanged=1
    )
    worst = many(item_ids=[1, 2, 3, 4, 5], scores=[1.0] * 5, sources=["popular"] * 5)
    assert release(connection, worst, day=1, k=5, gates=lax).state == "live"
    assert release(connection, worst, day=2, k=5, gates=lax).state == "live"


def test_what_gates_measured_is_kept(connection: ServingConnection) -> None:
    release(connection, many(), k=5, gates=GateSettings())
    release(connection, many(shift=3), day=1, k=5, gates=GateSettings())
    (facts,) = connection.execute("SELECT facts FROM ml_meta.releases ORDER BY release_id DESC LIMIT 1").fetchall()[0]
    assert facts["overlap"] == pytest.approx(0.8)
    assert (facts["mean_length"], facts["fallback"], facts["unchanged"], facts["constant_scores"]) == (5, 0, 0, 0)


def test_ids_that_share_a_hash_are_no_doubles() -> None:
    text = pl.DataFrame({"item_ids": [["a", "b"], ["a", "a"], ["c"]]})
    assert with_doubles(text["item_ids"]) == 1
    zero = pl.DataFrame({"item_ids": [[0, -1, 2**63 - 1], [0, 0, 1]]})
    assert with_doubles(zero["item_ids"]) == 1


def test_of_very_many_lists_some_of_every_placement_are_judged() -> None:
    """Two lists per customer in turn: every other row would be one placement only."""
    frame = recommendations(range(50_000), [1, 2, 3])
    lists = sample_of(frame, 2)
    judged = judge(Candidate(PUBLISHED["recommendations"], frame, lists))
    assert set(judged.failures) == {"sameness"}
    assert judged.facts["short_lists"] == 0
    assert lists.short_share("discover") == 0
    assert 0.4 < lists.source_share("for_you", "popular") <= 0.5


def test_words_are_numbered_alike_in_all_blocks() -> None:
    frame = recommendations(range(6))
    words = [["common"] * n for n in frame["item_ids"].list.len()]
    rare = ["rare", None, *words[-1][2:]]
    frame = frame.with_columns(pl.Series("sources", [*words[:-1], rare], dtype=pl.List(pl.String)))
    rows = ReleaseRows(PUBLISHED["recommendations"], frame)
    blocks = [dict(zip(rows.names, block, strict=True)) for block in rows.blocks(2)]
    numbers = pl.concat([block["sources"] for block in blocks]).to_list()
    assert rows.source_words == ["common", "rare"]
    assert numbers == [[1] * len(row) for row in words[:-1]] + [[2, None, *[1] * len(rare[2:])]]
