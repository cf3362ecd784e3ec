"""The separation of the house: who may import whom, and what stays unloaded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ml_assets

PACKAGE = Path(ml_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MAY_USE_DAGSTER = {"assets", "automation", "resources", "definitions.py"}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_rooms_of_dagster_import_it(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] in MAY_USE_DAGSTER:
        return
    assert not {name for name in imports(path) if name.split(".")[0].startswith("dagster")}


@pytest.mark.parametrize("room", ["serving", "sources", "events", "features"])
def test_rooms_know_nothing_of_models(room: str) -> None:
    used = set().union(*(imports(path) for path in (PACKAGE / room).rglob("*.py")))
    allowed = {"ml_assets.models.cards"} if room == "serving" else set()
    assert not {name for name in used if name.startswith("ml_assets.models")} - allowed


def test_models_know_nothing_of_the_database() -> None:
    used = set().union(*(imports(path) for path in (PACKAGE / "models").rglob("*.py")))
    assert not {name for name in used if name.startswith(("ml_assets.serving", "psycopg"))}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and path.parent != PACKAGE:
        assert text == ""
    else:
        assert ast.get_docstring(ast.parse(text))


def test_a_process_that_only_scores_does_not_load_what_training_and_drawing_need() -> None:
    code = "import sys, ml_assets.definitions; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sklearn", "lightgbm", "matplotlib", "scipy.stats", "pandas"} & set(loaded.stdout.split())
