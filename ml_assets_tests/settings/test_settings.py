"""Settings: what is refused, and that the refusal names the key and what is allowed."""

from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets.dagster.build import build_defs
from ml_assets.errors import UserError
from ml_assets.settings.durations import plain_duration
from ml_assets.settings.read import reference as settings_reference
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.routable import ROUTABLE
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS

OPS = "channels: {ops: {url: 'x://'}}"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("DATABASE_URL", "DATABASE_URL_FILE", "PGHOST", "PGSERVICE", "ML_ASSETS_HOME", "ML_ASSETS_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "ml_assets.yaml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour: red", ["colour is not a setting", "timezone"]),
        ("source: {kind: complete_journey, reply: true}", ["source.reply is not a setting", "replay"]),
        ("source: {kind: files, events: x.csv, colums: {}}", ["source.colums is not a setting", "columns"]),
        ("source: {kind: files, events: x.csv, columns: {user: u}}", ["source.columns.user", "customer"]),
        ("source: {kind: kafka}", ["source.kind must be complete_journey or files"]),
        ("source: {kind: files}", ["source.events", "required"]),
        ("recommender: {k: 0}", ["recommender.k", "greater than or equal to 1"]),
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
        ("events: {weights: {view: 3}}", ["events.weights.view", "less than or equal to 1"]),
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


def test_broken_yaml_names_the_file_and_the_line() -> None:
    write("a: [1,\nb: 2")
    with pytest.raises(UserError, match=r"ml_assets\.yaml is not readable YAML at line 2"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "timezone: UTC\ncalendar: {holidays: [2026-13-01]}",
            r"line 2, column 23: 2026-13-01 is no value \(month must",
        ),
        (
            "calendar: {holidays: [2026-12-01 25:00:00]}",
            r"line 1, column 23: 2026-12-01 25:00:00 is no value \(hour must",
        ),
        ("lookback_days: 0x_", "line 1, column 16: 0x_ is no value"),
        ("lookback_days: " + "9" * 5000, "line 1, column 16: 9{40} is no value"),
        ("lookback_days: !!int many", "line 1, column 16: many is no value"),
        ("a: !!python/object:os.system {}", "line 1, column 4: could not determine a constructor"),
        ("{" * 3000, "nested too deeply"),
        ("lookback_days: !!bool many", "line 1, column 16: many is no value"),
        ("timezone: UTC\n---\nname: shop", "line 2, column 1: but found another document"),
        ("1: 1", "the key 1 is no word"),
        ("2026-01-01: 1", "no word"),
        ("alerts: {1: x}", r"alerts\.1"),
        ("calendar: {holidays: &a [*a]}", r"calendar\.holidays"),
        ("calendar: {country: DE, region: ZZ}", "calendar: DE has no region ZZ; known: BB"),
    ],
)
def test_no_yaml_ends_in_a_traceback(text: str, words: str) -> None:
    write(text)
    with pytest.raises(UserError, match=words) as refused:
        load_settings()
    assert "ml_assets.yaml" in refused.value.problem


def test_a_doubled_key_is_refused_with_its_place_and_without_its_values() -> None:
    write("database_url: postgresql://shop:hunter2@db/shop\ntimezone: UTC\ndatabase_url: postgresql://shop:hunter3@db")
    with pytest.raises(UserError, match=r'line 3, column 1: found duplicate key "database_url"\.') as refused:
        load_settings()
    assert "hunter" not in str(refused.value)


def test_yes_and_no_are_text_and_still_switch() -> None:
    write("source: {kind: complete_journey, replay: no}\ncalendar: {country: NO}")
    settings = load_settings()
    assert settings.calendar.country == "NO"
    assert settings.source.kind == "complete_journey"
    assert not settings.source.replay


def test_times_of_day_need_no_quotes() -> None:
    write(
        "schedules: {daily_at: 13:05}\nfreshness: {data: {deadline: 12:00}}\n"
        "alerts: {quiet_hours: {start: 22:00, end: 07:00}}\ndrift: {psi_warn: .3, psi_error: 1.5e+1}\n"
        "lookback_days: 1_00"
    )
    settings = load_settings()
    quiet = settings.alerts.quiet_hours
    assert quiet is not None
    assert (quiet.start, quiet.end) == ("22:00", "07:00")
    assert (settings.schedules.daily_at, settings.freshness.data.deadline) == ("13:05", "12:00")
    assert (settings.drift.psi_warn, settings.drift.psi_error, settings.lookback_days) == (0.3, 15, 100)


def test_short_durations_are_understood() -> None:
    write("freshness: {data: {warn_after: 6h, error_after: 2d}}")
    assert load_settings().freshness.data.error_after == timedelta(days=2)


def test_limits_left_unset_are_those_of_their_kind() -> None:
    write(
        "freshness: {model: {error_after: 20d}, predictions: {deadline: '07:00'}, subjects: {recommender_model: "
        "{warn_after: 10d}, popular_items: {error_after: 3d}, transactions: {deadline: '06:00'}}}"
    )
    freshness = load_settings().freshness
    found = {
        name: freshness.of(subject.kind, name)
        for name, subject in SUBJECTS.items()
        if name in ("recommender_model", "segmentation_model", "recommendations", "popular_items", "transactions")
    }
    assert {
        name: (plain_duration(limits.warn_after), plain_duration(limits.error_after), limits.deadline)
        for name, limits in found.items()
    } == {
        "transactions": ("30h", "54h", "06:00"),
        "recommender_model": ("10d", "20d", None),
        "segmentation_model": ("8d", "20d", None),
        "recommendations": ("30h", "54h", "07:00"),
        # An age of its own takes the place of the kind's deadline.
        "popular_items": ("30h", "3d", None),
    }
    again = Settings.model_validate(load_settings().model_dump()).freshness
    assert again == freshness


def test_everything_an_incident_can_be_about_may_be_routed_and_owned() -> None:
    repository = build_defs(Settings()).get_repository_def()
    checked = {key.asset_key.path[-1] for key in repository.asset_graph.asset_check_keys}
    instigators = {one.name for one in repository.schedule_defs} | {one.name for one in repository.sensor_defs}
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} - {"freshness"}
    assert set(ROUTABLE) == checked | instigators | jobs | set(SUBJECTS) | {"dagster", "database"}
    write(
        "owners: [team:ml]\nalerts: {channels: {ops: {url: 'x://'}}, owners: {channel ops: team:it, dagster: team:it}, "
        "routes: [{channels: [ops], subjects: [channel ops, daily_scoring], owners: [team:it, team:ml]}]}"
    )
    assert load_settings().alerts.routes[0].subjects == ["channel ops", "daily_scoring"]


@pytest.mark.parametrize("key", ["remind_after", "escalate_after", "consequence_wait", "silent_after"])
@pytest.mark.parametrize(("given", "shown"), [("0s", "0s"), ("-1d", "-1d"), ("0", "0s"), ("-PT1H", "-1h")])
def test_alerts_do_not_wait_for_no_time_at_all(key: str, given: str, shown: str) -> None:
    write(f"alerts: {{{key}: {given}}}")
    with pytest.raises(UserError, match=rf"alerts\.{key}: {shown} is no length of time; write one longer than 0"):
        load_settings()


@pytest.mark.parametrize("key", ["data.warn_after", "model.error_after", "subjects.recommendations.warn_after"])
def test_nothing_is_late_from_the_beginning(key: str) -> None:
    *sections, last = key.split(".")
    text = f"{{{last}: 0h}}"
    for section in reversed(sections):
        text = f"{{{section}: {text}}}"
    write(f"freshness: {text}")
    with pytest.raises(UserError, match=rf"freshness\.{key}: 0s is no length of time"):
        load_settings()


def test_incidents_may_settle_at_once_but_not_before() -> None:
    write("alerts: {settle: 0s, remind_after: 1w}")
    assert load_settings().alerts.settle == timedelta(0)
    write("alerts: {settle: -5s}")
    with pytest.raises(UserError, match=r"alerts\.settle: -5s is no length of time; write 0s or more"):
        load_settings()


def test_the_reference_shows_the_limits_of_each_kind() -> None:
    rows = [line for line in settings_reference.markdown().splitlines() if line.startswith("| `freshness.")]
    shown = {row.split("`")[1]: row.split("`")[3] for row in rows if "_after`" in row}
    assert (shown["freshness.model.warn_after"], shown["freshness.model.error_after"]) == ("8d", "15d")
    assert (shown["freshness.data.warn_after"], shown["freshness.features.error_after"]) == ("30h", "54h")


def test_the_database_url_may_come_from_a_file_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://shop:hunter2@db/shop\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(secret))
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://shop:hunter2@db/shop"
    assert "hunter2" not in repr(settings)


def test_the_settings_reference_says_what_the_model_says() -> None:
    docs = Path(__file__).parents[2] / "docs"
    make = "write it anew: python -m ml_assets.settings.read.reference docs"
    assert (docs / "settings.md").read_text(encoding="utf-8") == settings_reference.markdown(), make
    assert (docs / "ml_assets.schema.json").read_text(encoding="utf-8") == settings_reference.json_schema(), make


def test_every_key_is_documented() -> None:
    rows = [line.split("|") for line in settings_reference.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert not [row[1] for row in rows if len(row[3].strip()) < 10]


def test_a_channel_may_be_called_like_a_kind_of_source_and_is_still_named() -> None:
    write("alerts: {channels: {files: {url: 5}}}")
    with pytest.raises(UserError, match=r"alerts\.channels\.files\.url: input should be"):
        load_settings()
