"""docs/settings.md and the JSON Schema say what the settings say."""

from pathlib import Path

from ml_assets.settings.read import reference as settings_reference


def test_the_settings_reference_says_what_the_model_says() -> None:
    docs = Path(__file__).parents[3] / "docs"
    make = "write it anew: python -m ml_assets.settings.read.reference docs"
    assert (docs / "settings.md").read_text(encoding="utf-8") == settings_reference.markdown(), make
    assert (docs / "ml_assets.schema.json").read_text(encoding="utf-8") == settings_reference.json_schema(), make


def test_every_key_is_documented() -> None:
    rows = [line.split("|") for line in settings_reference.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert not [row[1] for row in rows if len(row[3].strip()) < 10]


def test_the_reference_shows_the_limits_of_each_kind() -> None:
    rows = [line for line in settings_reference.markdown().splitlines() if line.startswith("| `freshness.")]
    shown = {row.split("`")[1]: row.split("`")[3] for row in rows if "_after`" in row}
    assert (shown["freshness.model.warn_after"], shown["freshness.model.error_after"]) == ("8d", "15d")
    assert (shown["freshness.data.warn_after"], shown["freshness.features.error_after"]) == ("30h", "54h")
