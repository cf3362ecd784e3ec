"""Releases, rules, hand-off and erasure from the command line: facts, exit codes, next commands, bad input."""

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ml_assets.books.models import RegisteredModel, champion, newest_refusals, register
from ml_assets.cli import app as command
from ml_assets.database.connection import ServingConnection
from ml_assets_tests.books.models import add_model
from ml_assets_tests.cli.calls import Run, caller
from ml_assets_tests.releases.frames import assignments, items, recommendations, release, segments
from ml_assets_tests.releases.rescored import rescore


@pytest.fixture
def run(
    connection: ServingConnection,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Run `ml-assets ...` on a shop with two releases; returns exit code, output and errors."""
    for variable in [name for name in os.environ if name.startswith(("ML_ASSETS_", "PG", "DAGSTER_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    release(connection, recommendations(), items=items())
    release(connection, recommendations(items=[12, 13, 14, 15]), day=1)
    release(connection, assignments(), "segment_assignments", segments=segments())
    return caller(monkeypatch, capfd)


def facts(run: Run, *arguments: str, code: int = 0) -> Any:
    found, out, err = run(*arguments, "--json")
    assert found == code, err
    return json.loads(out)


def live(run: Run) -> int:
    rows = facts(run, "releases", "recommendations")
    (release_id,) = [row["release_id"] for row in rows if row["state"] == "live"]
    return int(release_id)


def test_releases_are_listed_with_what_is_live(run: Run) -> None:
    code, out, _ = run("releases")
    assert code == 0
    for words in ("recommendations", "segment_assignments", "2026-01-06", "live", "ready", "ml-assets diff A B"):
        assert words in out
    assert len(facts(run, "releases", "recommendations")) == 2


def test_releases_and_status_say_what_was_made_anew_inside_the_day(run: Run, connection: ServingConnection) -> None:
    assert "inside the day" not in run("releases")[1]
    assert "inside the day" not in run("status")[1]
    rescore(connection, live(run), [1, 2])
    rescore(connection, live(run))
    assert "Lists were made anew inside the day 2 times, last at " in (told := run("releases")[1])
    assert "for 1 customer (ml.rescorings)." in told
    assert told.splitlines().count(line := next(line for line in told.splitlines() if "inside the day" in line)) == 1
    assert line in run("status")[1].splitlines()
    rescore(connection, live(run), lists=pl.concat([recommendations([1])] * 2))
    told = run("releases", "recommendations")[1]
    assert "inside the day 2 times; those of 2026-01-06" in told
    assert "for 1 customer were refused: 2 rows repeat" in told
    assert "for 1 customer were refused: 2 rows repeat" in run("status")[1]
    assert run("rollback", "recommendations", "--rescored", "--reason", "a till [x]")[0] == 0
    taken_back = "Lists that were made anew inside the day were taken back: a till [x]"
    assert taken_back in run("releases", "recommendations")[1]
    assert taken_back not in run("releases", "segment_assignments")[1]
    assert len(facts(run, "releases", "recommendations")) == 2


def test_rolling_back_pins_and_unpinning_follows_again(run: Run) -> None:
    assert live(run) == 2
    code, out, _ = run("rollback", "recommendations", "--reason", "wrong prices")
    assert (code, live(run)) == (0, 1)
    assert "shows release 1 of 2026-01-05, pinned" in out
    assert "ml-assets unpin recommendations" in out
    _, out, _ = run("releases", "recommendations")
    assert "live, pinned" in out
    assert "wrong prices" in out
    assert facts(run, "unpin", "recommendations")["after"] == 2
    assert run("unpin", "recommendations")[0] == 1


def test_two_releases_are_compared(run: Run) -> None:
    code, out, _ = run("diff", "1", "2")
    assert code == 0
    for words in ("6 in both, 6 of them changed (100.0%)", "50.0% of the items shown", "Milk"):
        assert words in out
    assert facts(run, "diff", "1", "1")["changed"] == 0


def test_a_blocked_release_is_accepted_with_a_reason(run: Run, connection: ServingConnection) -> None:
    blocked = release(connection, recommendations([1]), day=2).release_id
    _, out, _ = run("releases")
    assert f'ml-assets accept {blocked} --override "..."' in out
    assert facts(run, "accept", str(blocked), "--override", "half the shop closed")["after"] == blocked
    assert live(run) == blocked


def test_rules_are_imported_and_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_text("kind,item_id,category,value,note\nban,12,,,recalled\ncap,,dairy,2,\n")
    code, out, _ = run("rules", "import", "rules.csv")
    assert code == 0
    assert "Added 2 of 2 rows to rules" in out
    _, out, _ = run("rules", "list")
    for words in ("12 Bread", "recalled", "every list", "2 rules, 0 customers opted out"):
        assert words in out
    (tmp_path / "people.csv").write_text("customer_id\n2\n")
    assert facts(run, "rules", "import", "people.csv", "--into", "opt-outs") == {
        "read": 1,
        "added": 1,
        "into": "opt-outs",
        "unknown": [],
    }


def test_a_rule_about_an_item_that_nobody_knows_is_taken_and_pointed_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_text("kind,item_id,value\npin,121212,1\n")
    code, out, _ = run("rules", "import", "rules.csv")
    assert code == 0
    assert "Nobody knows item 121212" in out


def test_what_is_exported_comes_in_as_a_release_of_its_own(run: Run, tmp_path: Path) -> None:
    assert facts(run, "export", "recommendations", "--csv")["rows"] == 12
    file = tmp_path / ".ml_assets" / "exports" / "recommendations.csv"
    imported = facts(run, "import", "recommendations", str(file), "--k", "2")
    assert (imported["state"], imported["day"]) == ("live", "2026-01-06")
    assert live(run) == imported["release_id"]
    code, out, _ = run("export", "segments", "--parquet", "--output", "segments.parquet")
    assert code == 0
    assert "Wrote 3 rows" in out
    assert "in your own care" in out


def test_an_import_that_a_gate_refuses_exits_with_2_and_can_be_overridden(run: Run, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("customer_id,item_id,rank\n1,11,1\n")
    code, out, err = run("import", "recommendations", "few.csv", "--as-of", "2026-01-07")
    assert code == 2
    assert "less than 50%" in err
    assert "ml-assets accept" in out
    assert live(run) == 2
    again = facts(run, "import", "recommendations", "few.csv", "--as-of", "2026-01-07", "--override", "a trial")
    assert again["state"] == "live"


def test_segments_made_elsewhere_come_in_through_the_same_gates(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("customer_id,segment_key\n1,vip\n2,rest\n3,rest\n")
    imported = facts(run, "import", "segments", "own.csv", "--as-of", "2026-01-06")
    assert (imported["state"], imported["rows"]) == ("live", 3)
    assert facts(run, "export", "segments", "--segment", "rest")["rows"] == 2
    code, _, err = run("export", "segments", "--segment", "loyal")
    assert code == 1
    assert "no segment loyal now" in err
    assert "rest, vip" in err
    (tmp_path / "few.csv").write_text("customer_id,segment_key\n1,vip\n")
    code, out, err = run("import", "segments", "few.csv", "--as-of", "2026-01-07")
    assert code == 2
    assert "1 customer, blocked" in out
    assert "It covers 1 customers, the live release 3" in err


def test_a_training_that_moves_customers_waits_for_consent(run: Run, connection: ServingConnection) -> None:
    row: dict[str, Any] = {
        "kind": "segmentation", "version": "segmentation-2026-01-05-aa", "trained_through": date(2026, 1, 4),
        "artifact": "a", "checksum": "c", "parameters": {}, "metrics": {},
    }  # fmt: skip
    register(connection, RegisteredModel(**row, decision="promoted", reason="the first"), {"data_fingerprint": "x"})
    later: dict[str, Any] = row | {"version": "segmentation-2026-01-12-bb", "trained_through": date(2026, 1, 11)}
    refusal = "Refused: it moves 31.0% of the customers to another segment, and at most 10% may move."
    register(connection, RegisteredModel(**later, decision="refused", reason=refusal), {"data_fingerprint": "x"})
    listed = facts(run, "segments", "list")
    assert [one["version"] for one in listed["waiting"]] == ["segmentation-2026-01-12-bb"]
    _, out, _ = run("segments", "list")
    assert "waits for consent" in out
    assert "ml-assets segments accept segmentation-2026-01-12-bb" in out
    code, _, err = run("segments", "accept", "segmentation-2026-01-12-bb", "--reason", " ")
    assert code == 1
    assert "--force" not in err
    assert listed["model_version"] == "m-1"
    assert listed["next_model_version"] == "segmentation-2026-01-05-aa"
    code, out, _ = run("segments", "refuse", "segmentation-2026-01-12-bb", "--reason", "before the sale")
    assert code == 0
    assert "stays refused" in out
    assert facts(run, "segments", "list")["waiting"] == []
    assert newest_refusals(connection) == []
    again: dict[str, Any] = row | {"version": "segmentation-2026-01-05-cc"}
    register(connection, RegisteredModel(**again, decision="refused", reason=refusal), {"data_fingerprint": "x"})
    assert [one["version"] for one in facts(run, "segments", "list")["waiting"]] == ["segmentation-2026-01-05-cc"]
    code, out, _ = run("segments", "accept", "segmentation-2026-01-12-bb", "--reason", "looked at the report")
    assert code == 0
    assert "It moves 31.0% of the customers" in out
    found = champion(connection, "segmentation", date(2026, 1, 20))
    assert found is not None
    assert (found.version, found.forced_reason) == ("segmentation-2026-01-12-bb", "looked at the report")
    assert run("segments", "refuse", "segmentation-2026-01-12-bb", "--reason", "too late")[0] == 1
    assert run("segments", "accept", "no-such", "--reason", "x")[0] == 1


def test_a_person_is_erased_with_a_receipt(run: Run) -> None:
    facts(run, "export", "recommendations")
    receipt = facts(run, "erase", "--customer", "2", "--verify")
    assert receipt["found"] == {}
    assert receipt["removed"] == {"exports": 4, "recommendations": 4, "segment_assignments": 1, "segment_history": 1}
    code, out, _ = run("erase", "--customer", "2", "--verify")
    assert code == 0
    for words in ("nothing was there", "found nothing more", "Receipt 2", "Backups"):
        assert words in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["releases", "carts"], None, "no subject carts"),
        (["rollback", "recommendations", "--reason", "x", "--to", "77"], "release.unknown", "77"),
        (["rollback", "recommendations"], "usage.wrong", "--reason"),
        (["unpin", "similar_items"], "release.refused", "similar_items"),
        (["accept", "1", "--override", "x"], "release.refused", "ready"),
        (["diff", "1", "3"], None, "is one of recommendations"),
        (["diff", "1", "99"], "release.unknown", "99"),
        (["rules", "import", "none.csv"], "file.refused", "none.csv"),
        (["rules", "import", "none.csv", "--into", "carts"], None, "--into carts"),
        (["import", "recommendations", "none.csv"], "file.refused", "none.csv"),
        (["export", "recommendations", "--csv", "--parquet"], None, "exclude each other"),
        (["erase", "--customer", "anna"], None, "'anna' is no customer id"),
    ],
)
def test_bad_input_is_one_message_with_a_next_step(
    run: Run, arguments: list[str], code: str | None, words: str
) -> None:
    assert facts(run, *arguments, code=1)["error"]["code"] == code
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert words in err
    assert err.count("Error:") == err.count("Next:") == 1
    assert "Traceback" not in err


def test_an_older_database_is_brought_up_to_date_by_any_of_these(
    run: Run,
    connection: ServingConnection,
) -> None:
    connection.execute("DROP FUNCTION ml.recommend; UPDATE ml_meta.objects SET hash = '' WHERE name LIKE '%/recommend'")
    assert run("releases")[0] == 0
    assert connection.execute("SELECT count(*) FROM ml.recommend(1)").fetchone() == (2,)


def test_a_database_without_a_shop_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["releases"],
        ["erase", "--customer", "1"],
        ["rules", "list"],
        ["export", "segments"],
        ["models"],
        ["explain", "1"],
        ["promote", "v", "for_you", "--force", "why"],
    ):
        monkeypatch.setattr(sys, "argv", ["ml-assets", *arguments])
        assert command.exit_code() == 1
        assert "Run `ml-assets run`" in capfd.readouterr().err


def test_what_is_on_trial_is_listed_as_such_and_can_be_promoted(run: Run, connection: ServingConnection) -> None:
    for method, decision in (("ease", "on_trial"), ("popularity", "promoted")):
        more: dict[str, Any] = {"version": method, "decision": decision, "placement": "for_you", "method": method}
        add_model(connection, "recommender", date(2026, 1, 4), reason=f"Said of {method}.", **more)
    code, out, _ = run("models")
    assert (code, "on trial" in out) == (0, True)
    assert {one["version"]: one["scores"] for one in facts(run, "models")} == {"ease": False, "popularity": True}
    code, out, _ = run("promote", "ease", "for_you", "--force", "we know better")
    assert (code, "Promoted ease for for_you; it was on trial: Said of ease." in out) == (0, True)
    code, out, _ = run("models")
    assert "we know better (was: Said of ease.)" in " ".join(out.split())
    assert {one["version"]: one["scores"] for one in facts(run, "models")} == {"ease": True, "popularity": False}
