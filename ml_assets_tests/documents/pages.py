"""The documents, and the commands in them: lines of blocks, indented lines, and `ml-assets ...` in running text.

Finding commands belongs here; what stands for something of the reader's own, and running them, in the files beside.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from ml_assets.cli.app import app

ROOT = Path(__file__).parents[2]
# In the order in which a reader meets them: what a command needs was made by one before it.
FIRST = ("README.md", "docs/quickstart.md", "docs/connect.md")
OTHERS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = [*FIRST, *(name for name in OTHERS if name not in FIRST), "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMES = "ml-assets make docker git pip npm python psql pg_dump pg_restore tar mkdir cp cd openssl systemctl dagster"
PROGRAMS = rf"(?:\.venv/bin/)?(?:{NAMES.replace(' ', '|')})"
TYPED = re.compile(rf"^\s*({PROGRAMS} .*)$")
INLINE = re.compile(rf"`({PROGRAMS} [^`]+|dg [^`]+)`")


@dataclass(frozen=True)
class Command:
    """A command line as it stands in a page, without the comment behind it."""

    page: str
    line: str


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands(page: str) -> list[Command]:
    """Every command line of a page, in order; mere names of commands that need more are none."""
    text = text_of(page)
    lines: list[str] = []
    for kind, block in BLOCK.findall(text):
        if kind in ("", "sh", "bash"):
            lines += [found[1] for line in re.sub(r"<<'(\w+)'\n.*?\n\1\n", "<<\n", block, flags=re.DOTALL).splitlines()
                      if (found := TYPED.match(line))]  # fmt: skip
    running = BLOCK.sub("", text)
    lines += re.findall(rf"(?m)^    ({PROGRAMS} .*)$", running)
    inline = [" ".join(line.split("\n")) for line in INLINE.findall(running)]
    lines += [line for line in inline if not is_name(line)]
    return [Command(page, bare(line)) for line in lines]


def bare(line: str) -> str:
    """Without comment, explanation and what may be left out, the first of several possibilities."""
    line = re.sub(r"\s{2,}.*$|\s#.*$", "", line.strip().replace("\\|", "|").removeprefix(".venv/bin/"))
    line = re.sub(r"\[(SUBJECT)\]", r"\1", line)
    line = re.sub(r"\[([^\]|]*?)(?: \|[^\]]*)?\](?!')", r"\1", line) if line.startswith("ml-assets") else line
    return re.sub(r"(\w)\|[\w|]+", r"\1", line)


def is_name(line: str) -> bool:
    """Whether running text only names a command that needs arguments or a further word."""
    words = bare(line).split()
    if words[0] != "ml-assets":
        return line.split() in (["docker", "compose"], ["python", "-m", "ml_assets.secret_files"])
    command: Any = typer.main.get_command(app)
    for word in words[1:]:
        if not hasattr(command, "commands"):
            return False
        if word not in command.commands:
            return False
        command = command.commands[word]
    if hasattr(command, "commands") and not command.invoke_without_command:
        return True
    return any(parameter.required for parameter in command.params)


def statements(page: str) -> list[str]:
    """The SQL of a page, a statement each."""
    blocks = [block for kind, block in BLOCK.findall(text_of(page)) if kind == "sql"]
    plain = "\n".join(re.sub(r"(?m)--.*$", "", block) for block in blocks)
    return [one.strip() for one in plain.split(";") if one.strip()]
