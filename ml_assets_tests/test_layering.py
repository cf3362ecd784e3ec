"""What import-linter cannot say of the house: what stays unloaded, and that every module tells what it is for."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from pkgutil import iter_modules

import dagster as dg
import pytest

import ml_assets

PACKAGE = Path(ml_assets.__file__).parent
TOOL = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["tool"]
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and path.parent != PACKAGE:
        assert text == ""
    else:
        assert ast.get_docstring(ast.parse(text))


def test_nothing_is_imported_past_the_linters() -> None:
    assert [path for path in MODULES if "__import__(" in path.read_text("utf-8")] == []


def test_the_document_shows_the_orders_that_the_linter_holds() -> None:
    document = (PACKAGE.parent / "docs" / "architecture.md").read_text("utf-8")
    orders = [contract["layers"] for contract in TOOL["importlinter"]["contracts"] if contract["type"] == "layers"]
    assert len(orders) == 3
    for layers in orders:
        assert "\n\n" + "".join(f"    {layer}\n" for layer in layers) + "\n" in document


def test_every_private_module_of_dagster_is_banned() -> None:
    ruff = TOOL["ruff"]["lint"]
    private = {f"dagster.{found.name}" for found in iter_modules(dg.__path__) if found.name.startswith("_")}
    assert private - {"dagster.__main__"} <= set(ruff["flake8-tidy-imports"]["banned-api"])


def test_a_process_that_only_scores_does_not_load_what_training_and_drawing_need() -> None:
    code = "import sys, ml_assets.definitions; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sklearn", "lightgbm", "matplotlib", "scipy.stats", "pandas"} & set(loaded.stdout.split())
