"""Lines that were set aside: counted by reason and day, written to a file, loaded again when mended."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ml_assets_tests.cli.shops import Shop, running_shop

EVERY = 40


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop of which some lines of one file have a quantity that is absurd until the settings allow it."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("quarantine"), "quarantine_shop") as found:
        path = found.config.parent / "events/part-1.parquet"
        frame = pl.read_parquet(path).with_columns(
            copies=pl.when(pl.int_range(pl.len()) % EVERY == 0).then(5000).otherwise("copies")
        )
        frame.write_parquet(path)
        assert found.call("run", "--date", "2024-05-31") == 0
        yield found


def bad(shop: Shop) -> list[int]:
    """The lines that are set aside."""
    lines = pl.read_parquet(shop.config.parent / "events/part-1.parquet").with_row_index("line", 1)
    return lines.filter(copies=5000)["line"].to_list()


def answer(shop: Shop, capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capfd.readouterr()
    assert shop.call("quarantine", *arguments, "--json") == 0
    return json.loads(capfd.readouterr().out)


def test_lines_are_counted_by_reason_and_day(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(shop, capfd, "show")
    assert found["reasons"] == {"absurd_quantity": len(bad(shop))}
    assert sum(day["lines"] for day in found["days"]) == len(bad(shop))
    assert answer(shop, capfd, "show", "--to", "2024-04-30")["lines"] == 0


def test_examples_name_file_and_line_and_the_setting_to_look_at(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert shop.call("quarantine", "show") == 0
    shown = capfd.readouterr().out
    assert "events.max_quantity" in shown
    assert "part-1.parquet" in shown


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_lines_are_written_with_their_place(
    shop: Shop, capfd: pytest.CaptureFixture[str], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"lines.{ending}"
    assert answer(shop, capfd, "export", "-o", str(path))["lines"] == len(bad(shop))
    frame = pl.read_csv(path) if ending == "csv" else pl.read_parquet(path)
    assert frame["line"].sort().to_list() == bad(shop)
    assert set(frame["detail"].cast(pl.Float64)) == {5000.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "--reason", "ugly"), "--reason ugly is none"),
        (("export", "-o", "lines.txt"), "neither a .csv nor a .parquet file"),
        (("show", "--from", "2024-05-02", "--to", "2024-05-01"), "--from 2024-05-02 is after --to 2024-05-01"),
        (("show", "--from", "2030-01-01"), "No day from 2030-01-01"),
    ],
)
def test_a_wrong_option_is_named(
    shop: Shop, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert shop.call("quarantine", *arguments) == 1
    assert words in capfd.readouterr().err


def test_days_are_loaded_again_after_the_settings_were_mended(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    before = answer(shop, capfd, "retry")
    assert (before["before"], before["after"]) == (len(bad(shop)), len(bad(shop)))
    shop.config.write_text(shop.config.read_text() + "events: {max_quantity: 9999}\n")
    mended = answer(shop, capfd, "retry")
    assert (mended["before"], mended["after"]) == (len(bad(shop)), 0)
    assert answer(shop, capfd, "retry") == {"days": [], "before": 0, "after": 0}
