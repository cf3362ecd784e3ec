"""Whole settings: which source of a value wins, and that a refusal names the key and what is allowed."""

from pathlib import Path

import pytest

from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets_tests.settings.files import write

OPS = "channels: {ops: {url: 'x://'}}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour: red", ["colour is not a setting", "timezone"]),
        ("source: {kind: complete_journey, reply: true}", ["source.reply is not a setting", "replay"]),
        ("source: {kind: files, events: x.csv, colums: {}}", ["source.colums is not a setting", "columns"]),
        ("source: {kind: files, events: x.csv, columns: {user: u}}", ["source.columns.user", "customer"]),
        ("source: {kind: kafka}", ["source.kind must be complete_journey or files"]),
        ("recommender: {k: 50, stored: 20}", ["recommender", "stored (20) must be at least k (50)"]),
        ("timezone: Mars/Olympus", ["timezone", "IANA"]),
        ("name: Shop-1", ["name", "Shop-1"]),
        ("schedules: {daily_at: '25:00'}", ["schedules.daily_at", "25:00"]),
        (
            "freshness: {data: {warn_after: 2d, error_after: 1d}}",
            ["freshness.data", "error_after (1d)", "warn_after (2d)"],
        ),
        (
            "freshness: {model: {error_after: 6d}}",
            ["freshness.model", "error_after (6d)", "which is 8d unless set", "set warn_after as well"],
        ),
        (
            "freshness: {data: {warn_after: 3d}}",
            ["freshness.data", "warn_after (3d)", "which is 54h unless set", "set error_after as well"],
        ),
        (
            "freshness: {predictions: {error_after: 3d}, subjects: {recommendations: {warn_after: 3d}}}",
            ["freshness: subjects.recommendations: warn_after (3d)", "which is 3d unless set"],
        ),
        (
            "alerts: {channels: {ops: {url: 'x://'}}, routes: [{channels: [ops], subjects: [recomendations]}]}",
            ["alerts: routes.0.subjects: recomendations", "did you mean recommendations?", "weekly_training"],
        ),
        (
            "alerts: {channels: {ops: {url: 'x://'}}, routes: [{channels: [ops], subjects: [channel mail]}]}",
            ["channel mail is no subject", "did you mean channel ops?", "database"],
        ),
        ("alerts: {owners: {daily_scorin: team:web}}", ["owners: daily_scorin", "did you mean daily_scoring?"]),
        (
            "alerts: {quiet_hours: {start: '22:00', end: '07:00', escalate_subjects: [segments]}}",
            ["quiet_hours.escalate_subjects: segments is no subject", "segment_assignments"],
        ),
        (
            f"{{owners: [a, b], alerts: {{owners: {{alerts: c}}, {OPS}, routes: [{{channels: [ops], owners: [b]}}]}}}}",
            ["alerts.routes.0.owners: b is no owner", "alerts.owners", "There are: a, c"],
        ),
        ("events: {weights: {view: 3}}", ["events.weights.view is 3, but must be 1 or less"]),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key_and_what_is_allowed(text: str, words: list[str]) -> None:
    path = write(text)
    with pytest.raises(UserError) as refused:
        load_settings()
    assert str(path.resolve()) in refused.value.problem
    for word in words:
        assert word in refused.value.problem


def test_without_a_file_every_setting_has_its_default() -> None:
    settings = load_settings()
    assert settings.source.kind == "complete_journey"
    assert settings.home == Path.cwd() / ".ml_assets"
    assert settings.database_url is None


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("timezone: Europe/Berlin\nrecommender: {k: 5, stored: 9}")
    monkeypatch.setenv("ML_ASSETS_RECOMMENDER__K", "7")
    settings = load_settings()
    assert (settings.timezone, settings.recommender.k, settings.recommender.stored) == ("Europe/Berlin", 7, 9)


def test_a_mistyped_variable_is_refused_and_not_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_TIMEZON", "UTC")
    with pytest.raises(UserError, match=r"ML_ASSETS_TIMEZON is no setting.*ML_ASSETS_TIMEZONE"):
        load_settings()


def test_a_mistyped_nested_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_SOURCE__REPLY", "false")
    with pytest.raises(UserError, match=r"source\.reply is not a setting"):
        load_settings()


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write("source: {kind: files, events: data/*.csv}\nhome: state", "shop/other.yaml")
    settings = load_settings(Path("shop/other.yaml"))
    assert settings.home == tmp_path / "shop" / "state"
    assert settings.source.kind == "files"
    assert settings.source.events == str(tmp_path / "shop" / "data/*.csv")


def test_a_missing_file_named_on_the_command_line_is_an_error() -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml does not exist"):
        load_settings(Path("nowhere.yaml"))


def test_a_channel_may_be_called_like_a_kind_of_source_and_is_still_named() -> None:
    write("alerts: {channels: {files: {url: 5}}}")
    with pytest.raises(UserError, match=r"alerts\.channels\.files\.url must be"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recommender: {k: 0}", "recommender.k is 0, but must be 1 or more."),
        ("recommender: {k: abc}", "recommender.k is 'abc', but must be a whole number."),
        (
            "segmentation: {names: {vip: Best}}",
            "segmentation.names has the key 'vip', but keys must be 'champions', 'loyal'",
        ),
        ("segmentation: {names: {loyal: ' '}}", "segmentation.names: the name of loyal must be one line"),
        ("segmentation: {names: {loyal: Best, new: best}}", "segmentation.names: loyal and new are both called best."),
        ("segmentation: {names: {loyal: Dormant}}", "segmentation.names: loyal and dormant are both called Dormant."),
        ("segmentation: {inputs: [pace, pace]}", "segmentation.inputs: pace stands there twice."),
        ("recommender: 5", "recommender is 5, but must be a section with keys of its own."),
        ("serving: {gates: {least_overlap: 2}}", "serving.gates.least_overlap is 2, but must be 1 or less."),
        ("schedules: {daily_at: '25:00'}", "schedules.daily_at is '25:00', but must be a time of day, such as 03:00."),
        ("schedules: {enabled: maybe}", "schedules.enabled is 'maybe', but must be true or false."),
        ("start_date: yesterday", "start_date is 'yesterday', but must be a day, such as 2024-05-31."),
        ("waiting: {lock: 5 parsecs}", "waiting.lock is '5 parsecs', but must be a length of time, such as 90s,"),
        ("serving: {placements: {for_you: {on_stale: hide}}}", "but must be 'serve', 'fallback_popular' or 'empty'."),
        ("source: {kind: files}", "source.events is missing."),
        ("timezone: Mars/X", "timezone: not an IANA time zone"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "ml_assets.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_settings(path)
    assert words in f"{refused.value.problem}"
