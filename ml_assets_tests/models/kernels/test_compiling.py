"""Where compiled code is kept, and when it is made again: tried on a copy of the kernels in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ml_assets.models.kernels.compiling import KEPT, KERNELS

BEST_OF_TWO = """
import numpy as np
from ml_assets.models.kernels.pairs import best_pairs

items, scores, counts = np.full((1, 1), -1, np.int32), np.zeros((1, 1), np.float32), np.zeros(1, np.int32)
pairs = np.array([0, 2]), np.array([7, 8], np.int32), np.array([1.0, 2.0], np.float32)
best_pairs(0, 1, *pairs, np.ones(2, np.bool_), items, scores, counts)
print(items[0, 0])
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A package `ml_assets` that holds nothing but the kernels; their folder."""
    folder = tmp_path / "ml_assets/models/kernels"
    shutil.copytree(KERNELS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for package in (folder.parent, folder.parent.parent):
        (package / "__init__.py").touch()
    return folder


def best_of_two(copy: Path, **environment: str) -> str:
    """The item that a process with the copied kernels puts first: 7 with score 1 or 8 with score 2."""
    ours = {"HOME": str(copy / "no folder"), "PYTHONPATH": str(copy.parents[2])}
    inherited = {key: os.environ[key] for key in os.environ if key not in {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}}
    done = subprocess.run(
        [sys.executable, "-c", BEST_OF_TWO],
        env=inherited | ours | environment, cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def edit(copy: Path, text: str, new: str) -> None:
    """Change a function of `lists.py`, which `pairs.py` inlines."""
    file = copy / "lists.py"
    source = file.read_text(encoding="utf-8")
    assert text in source
    file.write_text(source.replace(text, new), encoding="utf-8")


@pytest.mark.parametrize("named", [True, False])
def test_an_edited_helper_in_another_file_takes_effect(copy: Path, tmp_path: Path, named: bool) -> None:
    """Numba #1833: its own cache looks at the file of the calling function alone."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")} if named else {}
    assert best_of_two(copy, **environment) == "8"
    edit(copy, "return score_a < score_b or", "return score_a > score_b or")
    assert best_of_two(copy, **environment) == "7"


def test_code_is_compiled_once_and_that_of_old_kernels_goes(copy: Path, tmp_path: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    best_of_two(copy, **environment)
    (folder,) = (tmp_path / "cache").iterdir()
    made = {file: file.stat().st_mtime_ns for file in folder.rglob("*.nb?")}
    assert made
    best_of_two(copy, **environment)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.nb?")} == made
    for number in range(KEPT):
        os.utime(folder, (number, number))
        (tmp_path / "cache" / f"kernels-{number}").mkdir()
    edit(copy, '"""Compiled loops', '"""Compiled loops,')
    best_of_two(copy, **environment)
    left = {each.name for each in (tmp_path / "cache").iterdir()}
    assert len(left) == KEPT
    assert folder.name not in left


def test_an_installation_that_nobody_may_write_compiles_without_keeping_it(copy: Path) -> None:
    """As in a container whose user has no home: folders that are no folders."""
    (copy / "__pycache__").write_text("no folder")
    (copy / "no folder").write_text("no folder")
    before = set(copy.rglob("*"))
    assert best_of_two(copy, PYTHONDONTWRITEBYTECODE="1") == "8"
    assert set(copy.rglob("*")) == before


def test_a_folder_that_cannot_be_written_gives_way_to_the_users_cache(copy: Path, tmp_path: Path) -> None:
    (copy / "__pycache__").write_text("no folder")
    (tmp_path / "named").write_text("no folder")
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "named"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    assert best_of_two(copy, PYTHONDONTWRITEBYTECODE="1", **environment) == "8"
    assert list((tmp_path / "home").rglob("*.nbc"))
