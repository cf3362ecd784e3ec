"""Experiments from the command line: started from the settings or by options, listed, stopped, refused."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.entrants import enter_customers
from ml_assets.experiments.register import serve
from ml_assets.live.trials import tend_trials
from ml_assets.settings.read.load import load_settings
from ml_assets_tests.books.models import add_model
from ml_assets_tests.cli.calls import Run
from ml_assets_tests.cli.test_serving_commands import facts, run  # noqa: F401 a fixture
from ml_assets_tests.releases.frames import recommendations, release

SETTINGS = """
experiments:
  planned:
    worth:
      placement: for_you
      traffic: 0.5
      arms: {lists: {share: 0.5}, nothing: {share: 0.5, list: none}}
"""


@pytest.fixture
def shop(run: Run, connection: ServingConnection, tmp_path: Path) -> Run:  # noqa: F811
    release(connection, recommendations(range(1, 201)), day=2)
    (tmp_path / "ml_assets.yaml").write_text(SETTINGS)
    return run


def test_an_experiment_is_started_from_the_settings_listed_and_stopped(shop: Run, tmp_path: Path) -> None:
    started = facts(shop, "experiment", "start", "worth")
    assert started["state"] == "running"
    assert 60 < started["customers"] < 140
    code, _, err = shop("experiment", "start", "worth")
    assert code == 1
    assert "is running" in err
    (tmp_path / "ml_assets.yaml").write_text(SETTINGS.replace("0.5", "0.50").replace("traffic: 0.50", "traffic: 0.7"))
    (listed,) = facts(shop, "experiment", "list")
    assert listed["differs_from_settings"]
    assert sum(arm["customers"] for arm in listed["arms"]) == started["customers"]
    code, out, _ = shop("experiment", "list")
    assert code == 0
    assert "which changes nothing" in " ".join(out.split())
    code, out, _ = shop("experiment", "stop", "worth", "--reason", "enough")
    assert (code, "Stopped worth: enough" in out) == (0, True)
    assert facts(shop, "experiment", "list")[0]["state"] == "stopped"


def test_an_experiment_is_described_by_options(shop: Run) -> None:
    arms = ("--arm", "a=0.5", "--arm", "b=0.5:popular")
    started = facts(shop, "experiment", "start", "mine", "--placement", "for_you", *arms, "--until", "2099-01-01")
    assert started == {"experiment": "mine", "state": "running", "customers": 200}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["unheard_of"], "no experiments.planned.unheard_of"),
        (["worth", "--traffic", "0.1"], "described in the settings and by options"),
        (["x", "--placement", "for_you", "--arm", "a=0.5", "--arm", "b=0.4:none"], "sum to 0.9, not to 1"),
        (["x", "--placement", "for_you", "--arm", "a=half"], "is not NAME=SHARE"),
        (["x", "--placement", "front", "--arm", "a=0.5", "--arm", "b=0.5"], "placement: Input should be"),
        (["x", "--placement", "for_you", "--arm", "a=0.5", "--arm", "b=0.5", "--min-orders", "2"], "no customers"),
        (["x", "--placement", "for_you", "--arm", "a=0.5", "--arm", "b=0.5:model:m"], "no recommender of that version"),
        (["x", "--placement", "for_you", "--arm", "a=0.5", "--arm", "b=0.5:challenger:ease"], "none was ever on trial"),
        (["challenger_discover_1", "--placement", "for_you", "--arm", "a=0.5"], "a name of the trials"),
        (["hold_out", "--placement", "for_you", "--arm", "a=0.5", "--arm", "b=0.5"], "the permanent one"),
    ],
)
def test_what_is_no_experiment_is_refused_in_words(shop: Run, arguments: list[str], complaint: str) -> None:
    code, out, _ = shop("experiment", "start", *arguments, "--json")
    assert code == 1
    assert complaint in json.loads(out)["error"]["problem"]
    assert facts(shop, "experiment", "list") == []


def test_a_report_gives_a_verdict_or_says_why_there_is_none(shop: Run, connection: ServingConnection) -> None:
    shop("experiment", "start", "worth")
    code, out, _ = shop("experiment", "report", "worth")
    assert code == 2
    assert "No verdict: no day has its outcomes yet" in " ".join(out.split())
    first = "SELECT max(entered_on) FROM ml.experiment_customers"
    connection.execute(f"SELECT ml_meta.begin_outcomes(({first}))".encode())
    found = facts(shop, "experiment", "report", "worth")
    assert found["is_trusted"]
    assert "No difference in revenue between nothing and lists is shown after 1 day" in found["verdict"]
    code, out, _ = shop("experiment", "report", "worth")
    assert (code, "the split is as drawn" in " ".join(out.split())) == (0, True)
    code, out, _ = shop("experiment", "report", "worth", "--by", "segment")
    assert "By segment, as of the day before customers entered" in out
    assert facts(shop, "experiment", "report", "worth", "--by", "rank")["by"] == []
    code, _, err = shop("experiment", "report", "other")
    assert code == 1
    assert "No experiment other was ever started" in err


def test_a_plan_without_a_past_says_what_is_missing(shop: Run) -> None:
    code, _, err = shop("experiment", "plan", "--effect", "3")
    assert code == 1
    assert "The lake has only 0 of the 28 days" in err


def test_the_page_about_the_shop_is_written_and_summed_up(shop: Run, tmp_path: Path) -> None:
    facts(shop, "experiment", "start", "worth")
    code, out, _ = shop("report", "--out", "page.html")
    words = " ".join(out.split())
    assert code == 0
    for said in ("What is live is of Wednesday, 07 January 2026", "worth: No verdict", "Wrote page.html."):
        assert said in words
    assert "How the shop is doing" in (tmp_path / "page.html").read_text(encoding="utf-8")
    told = facts(shop, "report", "--date", "2026-01-05", "--out", "past.html")
    assert (told["day"], told["file"]) == ("2026-01-07", "past.html")
    code, _, err = shop("report", "--date", "2999-01-01")
    assert (code, "2999-01-01 is not over yet" in err) == (1, True)


def test_what_is_on_trial_is_said_in_words_with_since_when_and_how_it_stands(
    shop: Run, connection: ServingConnection, tmp_path: Path
) -> None:
    (tmp_path / "ml_assets.yaml").write_text("recommender: {selection: {promotion: live}}")
    for decision, method in (("on_trial", "ease"), ("promoted", "popularity")):
        more: dict[str, Any] = {"version": method, "placement": "for_you", "method": method}
        add_model(connection, "recommender", date(2026, 1, 4), decision=decision, **more)
    code, out, _ = shop("experiment", "list")
    assert (code, "EASE against best-sellers, for for_you." in " ".join(out.split())) == (0, True)
    assert "No experiment shows it yet" in " ".join(out.split())
    settings = load_settings(tmp_path / "ml_assets.yaml")
    assert tend_trials(connection, settings).begun == {"for_you, ease": "challenger_for_you_1"}
    code, out, _ = shop("experiment", "list")
    assert "(challenger_for_you_1):" in " ".join(out.split())
    assert "Its lists are made and published with the next day that is run" in " ".join(out.split())
    serve(connection, "challenger_for_you_1")
    enter_customers(connection, None)
    first = "SELECT max(entered_on) FROM ml.experiment_customers"
    connection.execute(f"SELECT ml_meta.begin_outcomes(({first}))".encode())
    code, out, _ = shop("experiment", "list")
    words = " ".join(out.split())
    assert "No difference in revenue between challenger and champion is shown after 1 day" in words
    assert "at the latest" in words
    (listed,) = facts(shop, "experiment", "list")
    trial = listed["trial"]
    assert (trial["method"], trial["champion"], trial["days"]) == ("ease", "popularity", 1)
    assert sum(trial["customers"].values()) > 50
    code, out, _ = shop("promote", "ease", "for_you", "--force", "we know better")
    assert code == 0
    assert "On trial" not in shop("experiment", "list")[1]


RULED = """
experiments:
  planned:
    ruled:
      placement: for_you
      arms: {ours: {share: 0.5}, theirs: {share: 0.5, list: 'rules:rules/theirs.csv'}}
"""


def test_an_arm_under_rules_of_a_file_is_started_listed_and_reported_in_words(
    shop: Run, connection: ServingConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ml_assets.yaml").write_text(RULED)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "theirs.csv").write_text("kind,item_id,value\npin,14,1\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = ("--config", str(tmp_path / "ml_assets.yaml"))
    started = facts(shop, "experiment", "start", "ruled", *told)
    assert started == {"experiment": "ruled", "state": "running", "customers": 200}
    seen = "SELECT DISTINCT ml.assign_arm('ruled', n), (SELECT item_id FROM ml.recommend(n) WHERE rank = 1)"
    rows = connection.execute(f"{seen} FROM generate_series(1, 200) AS n ORDER BY 1".encode()).fetchall()
    assert rows == [("ours", 11), ("theirs", 14)]
    # What was taken stays, whatever becomes of the file.
    (tmp_path / "rules" / "theirs.csv").unlink()
    code, out, _ = shop("experiment", "list", *told)
    assert (code, "under the rules of rules/theirs.csv" in " ".join(out.split())) == (0, True)
    code, out, _ = shop("experiment", "report", "ruled", *told)
    assert "theirs sees the list of everybody under the rules of rules/theirs.csv" in " ".join(out.split())
    code, out, _ = shop("report", "--out", str(tmp_path / "page.html"), *told)
    page = " ".join((tmp_path / "page.html").read_text(encoding="utf-8").split())
    assert "theirs sees the list of everybody under the rules of rules/theirs.csv" in page
    code, _, err = shop("experiment", "estimate", "--list", "rules:rules/theirs.csv", *told)
    assert (code, "none that can be estimated" in err) == (1, True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "There is no file"),
        ("kind,item_id,value\npin,14,0\n", "theirs.csv is not taken: line 2, column value: a pin needs a place"),
        ("kind,item_id,what\n", "theirs.csv has unknown columns: what"),
        ("kind,item_id\nban,fourteen\n", "line 2, column item_id: 'fourteen' is not a whole number"),
        ("kind,item_id,value\n", "theirs.csv has no rules below its header line"),
        ("kind,category,value\nboost,diary,2\n", "change none of the"),
        ("kind,item_id\n" + "".join(f"ban,{item}\n" for item in (11, 12, 13, 14)), "leave 0.0 items of a list"),
    ],
)
def test_a_bad_file_of_rules_is_refused_with_its_setting(
    shop: Run, tmp_path: Path, text: str | None, complaint: str
) -> None:
    (tmp_path / "ml_assets.yaml").write_text(RULED)
    (tmp_path / "rules").mkdir()
    if text is not None:
        (tmp_path / "rules" / "theirs.csv").write_text(text)
    code, out, _ = shop("experiment", "start", "ruled", "--json")
    problem = json.loads(out)["error"]["problem"]
    assert (code, complaint in problem) == (1, True), problem
    assert "experiments.planned.ruled.arms.theirs.list" in problem or "rules:rules/theirs.csv" in problem
    arms = ("--placement", "for_you", "--arm", "a=0.5", "--arm", "b=0.5:rules:rules/theirs.csv")
    code, out, _ = shop("experiment", "start", "mine", *arms, "--json")
    problem = json.loads(out)["error"]["problem"]
    assert (code, complaint in problem) == (1, True), problem
    assert problem.startswith("--arm b: ") or "The rules of the arm b (rules:rules/theirs.csv)" in problem
    assert facts(shop, "experiment", "list") == []
