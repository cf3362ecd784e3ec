"""What was found out about the files is told in words, with the setting that says otherwise."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source

TEXT = "customer_id;item_id;occurred_at;n;paid\n1;Käse;31.05.2026 10:00;1;1.015,20\n"


def shop(folder: Path, **more: Any) -> EventSource:
    source = {"events": str(folder / "events"), "columns": {"quantity": "n", "amount": "paid"}, **more}
    settings = Settings.model_validate({"home": folder / "home", "timezone": "Europe/Berlin", "source": source})
    return build_source(settings, today=date(2026, 7, 1))


def test_what_was_found_is_told_by_setting(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events/a.csv").write_bytes(TEXT.encode("cp1252"))
    assert shop(tmp_path).as_found() == {
        "source.encoding": "files are written in cp1252",
        "source.csv_separator": "semicolons stand between the fields",
        "source.numbers": "decimals stand after a comma, as 1.234,56",
        "source.dates": "dates have the day first, as 31.12.2026",
        "timezone": "times without a zone of their own are in Europe/Berlin",
    }
    chosen = {"encoding": "cp1252", "csv_separator": ";", "numbers": "1.234,56", "dates": "31.12.2026"}
    assert shop(tmp_path, **chosen).as_found().keys() == {"timezone"}


def test_the_newest_file_is_the_one_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events/a.csv").write_bytes(TEXT.encode("cp1252"))
    newer = TEXT.replace(";", "\t").replace("31.05.", "30.06.")
    (tmp_path / "events/b.csv").write_text(newer)
    found = shop(tmp_path).as_found()
    assert found["source.encoding"] == "files are written in utf-8"
    assert found["source.csv_separator"] == "tabs stand between the fields"


def test_typed_columns_leave_nothing_to_be_found(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    time = pl.Series(["2026-05-31 10:00"]).str.to_datetime(time_zone="UTC")
    frame = pl.DataFrame({"customer_id": 1, "item_id": 2, "occurred_at": time, "n": 1, "paid": 2.5})
    frame.write_parquet(tmp_path / "events/a.parquet")
    assert shop(tmp_path).as_found() == {}
