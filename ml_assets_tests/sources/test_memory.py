"""What a source remembers between commands, and what becomes of it when its file is damaged."""

from pathlib import Path

import pytest

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.sources.memory import SourceMemory


@pytest.fixture
def memory(tmp_path: Path) -> SourceMemory:
    return SourceMemory(Settings(home=tmp_path))


def test_facts_are_remembered_beside_each_other(memory: SourceMemory) -> None:
    memory.remember(first_day="2024-04-01")
    memory.remember(source="files")
    assert (memory.recall("first_day"), memory.recall("source"), memory.recall("other")) == (
        "2024-04-01",
        "files",
        None,
    )


@pytest.mark.parametrize("content", [b"", b'{"source": "fi', bytes(range(256)), b"[1]", b"null"])
def test_a_damaged_file_is_named_whoever_reads_it_and_deleting_it_is_enough(
    memory: SourceMemory, content: bytes
) -> None:
    memory.path.write_bytes(content)
    with pytest.raises(UserError, match=r"source\.json is damaged.*Delete it"):
        memory.recall("source")
    with pytest.raises(UserError, match=r"source\.json is damaged.*Delete it"):
        memory.remember(source="files")
    memory.path.unlink()
    memory.remember(source="files")
    assert memory.recall("source") == "files"
