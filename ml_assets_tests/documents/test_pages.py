"""What the documents say holds: links lead somewhere, commands and options exist, examples of settings are valid."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from ml_assets.cli.app import app
from ml_assets.settings.shop import Settings
from ml_assets_tests.documents.not_run import NOT_RUN
from ml_assets_tests.documents.pages import PAGES
from ml_assets_tests.documents.pages import commands as found

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?ml-assets [^`]+)`")
# Run up to where Docker's engine is needed.
PREPARED = {
    "cd docker",
    "cp .env.example .env",
    "mkdir --mode=700 secrets",
    "mkdir --mode=700 secrets && openssl rand -hex 24 > secrets/postgres_password",
}
# What stands for something of the reader's own.
PLACEHOLDERS = {"...": "why", "D": "2026-01-01", "MOMENT": "2026-01-01", "PATH": "orders.csv", "A": "1", "B": "2"}


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one)) for one in headings]
    return {one.strip().lower().replace(" ", "-") for one in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_link_leads_somewhere(document: Path) -> None:
    dead = []
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


def commands(document: Path) -> list[str]:
    """Every command line of ml-assets, in blocks and in text."""
    text = document.read_text(encoding="utf-8")
    lines = [line for kind, block in BLOCK.findall(text) if kind in ("", "sh", "bash") for line in block.splitlines()]
    typed = [line.strip() for line in lines if re.match(r"\s*(\.venv/bin/)?ml-assets [a-z]", line)]
    return typed + INLINE.findall(BLOCK.sub("", text))


def why_not(line: str) -> str | None:
    """Why a command line would not be understood; nothing is run."""
    line = re.sub(r"\s{2,}.*$|\s#.*$", "", line.replace("\\|", "|").removeprefix(".venv/bin/"))
    line = re.sub(r"\s[&>|;]\s.*$|;$|&$", "", line.replace("[", "").replace("]", ""))
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words:
        names = words.pop(0).split("|")
        if unknown := [name for name in names if name not in command.commands]:
            return f"no command {unknown[0]}"
        command = command.commands[names[0]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    wrong = [option for option in options if option not in known and option != "--help"]
    return f"no option {wrong[0]}" if wrong else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_command_exists_with_its_options(document: Path) -> None:
    assert {line: fault for line in commands(document) if (fault := why_not(line))} == {}


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert why_not("ml-assets quarantine burn") == "no command burn"
    assert why_not("ml-assets run --quickly") == "no option --quickly"


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_example_of_settings_is_valid(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for kind, block in BLOCK.findall(document.read_text(encoding="utf-8")):
        values = YAML(typ="safe").load(block) if kind == "yaml" else None
        if isinstance(values, dict) and values.keys() <= Settings.model_fields.keys():
            Settings.model_validate(values)


def test_the_list_of_commands_that_are_not_run_is_exact() -> None:
    """What neither `test_commands.py` runs nor the list explains fails here, and so does a reason for nothing."""
    typed = {one.line for page in PAGES for one in found(page)}
    assert set(NOT_RUN) - typed == set()
    others = {line for line in typed if not line.startswith("ml-assets ") and "<<" not in line}
    assert others - set(NOT_RUN) == PREPARED
