"""What a source remembers between commands, and how that is made again when its file is damaged or lost."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ml_assets.ids import IdTypes
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.sources.memory import SourceMemory

FILES = IdTypes("bigint", "bigint")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def memory(settings: Settings) -> SourceMemory:
    return SourceMemory(settings)


def load(settings: Settings, *days: str) -> None:
    """Lines of a shop with text ids for customers."""
    for day in days:
        frame = pl.DataFrame({"customer_id": ["c-1"], "item_id": [1]})
        Lake.of(settings).write("transactions", frame, day)


def test_facts_are_remembered_beside_each_other(memory: SourceMemory) -> None:
    memory.remember(first_day="2024-04-01")
    memory.remember(source="files")
    assert (memory.recall("first_day"), memory.recall("source"), memory.recall("other")) == (
        "2024-04-01",
        "files",
        None,
    )
    assert memory.damage() is None


@pytest.mark.parametrize("content", [b"", b'{"source": "fi', bytes(range(256)), b"[1]", b"null"])
def test_a_damaged_file_is_told_and_made_again(memory: SourceMemory, content: bytes) -> None:
    memory.path.write_bytes(content)
    assert "source.json is damaged" in str(memory.damage())
    assert memory.recall("source") is None
    memory.remember(source="files")
    assert memory.damage() is None
    assert json.loads(memory.path.read_bytes()) == {"source": "files"}


def test_what_the_lake_was_built_on_outlives_the_memory(settings: Settings, memory: SourceMemory) -> None:
    load(settings, "2024-04-01", "2024-05-31")
    # Of both damaged, one is enough; the source has only the files of its last weeks, with other ids.
    Lake.of(settings).path("transactions", "2024-05-31").write_bytes(b"")
    assert memory.id_types(lambda: FILES) == IdTypes("text", "bigint")
    assert memory.first_day(lambda: date(2024, 5, 2)) == date(2024, 4, 1)
    load(settings, "2024-03-01")
    assert memory.first_day(lambda: date(2024, 5, 2)) == date(2024, 4, 1)


def test_history_that_was_not_loaded_yet_counts_too(settings: Settings, memory: SourceMemory) -> None:
    load(settings, "2024-04-01")
    assert memory.first_day(lambda: date(2022, 1, 1)) == date(2022, 1, 1)


def test_a_new_shop_is_as_its_source(memory: SourceMemory) -> None:
    assert memory.id_types(lambda: FILES) == FILES
    assert memory.first_day(lambda: date(2024, 5, 2)) == date(2024, 5, 2)
