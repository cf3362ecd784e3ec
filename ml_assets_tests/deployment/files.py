"""The files of a deployment, read the way Docker reads them: Compose's variables, Dockerfile, .dockerignore.

Reading belongs here; judging is done in the tests, running in `containers.py`.
"""

import fnmatch
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
# ${NAME}, ${NAME:-default}, ${NAME:?message}; $$ is a dollar sign.
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


def compose(variables: Mapping[str, str], *, secrets: bool = False) -> dict[str, Any]:
    """docker-compose.yaml with its anchors resolved and its variables filled in; with `secrets` the second file too."""
    document: dict[str, Any] = _filled(_read("docker-compose.yaml"), variables)
    if secrets:
        more = _read("docker-compose.secrets.yaml")
        for name, service in more["services"].items():
            mine = document["services"][name]
            mine["environment"] = {**mine["environment"], **service["environment"]}
            mine["secrets"] = [*mine["secrets"], *service["secrets"]]
        document["secrets"].update(more["secrets"])
    return document


def _read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")))


def variables_used() -> set[str]:
    """The names of all variables in docker-compose.yaml."""
    text = (DOCKER / "docker-compose.yaml").read_text(encoding="utf-8")
    return {found["name"] for found in VARIABLE.finditer(text) if found["name"]}


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    return VARIABLE.sub(lambda found: _value(found, variables), node) if isinstance(node, str) else node


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["name"] is None:
        return "$"
    return variables.get(found["name"]) or found["default"] or ""


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile, its continued lines joined; `stage` counts from 0."""

    stage: int
    keyword: str
    argument: str


def dockerfile() -> list[Instruction]:
    """The instructions in order; ARG before the first FROM is stage -1."""
    text = re.sub(r"(?m)^#.*\n", "", (DOCKER / "Dockerfile").read_text(encoding="utf-8")).replace("\\\n", "")
    stage, instructions = -1, []
    for line in filter(None, text.splitlines()):
        keyword, _, argument = line.partition(" ")
        stage += keyword == "FROM"
        instructions.append(Instruction(stage, keyword, argument.strip()))
    return instructions


def copied() -> dict[str, str]:
    """Files that the image takes from docker/: place in the image by place in the repository."""
    places = {}
    instructions = dockerfile()
    for instruction in instructions:
        is_last = instruction.stage == instructions[-1].stage
        if is_last and instruction.keyword == "COPY" and "docker/" in instruction.argument:
            *sources, target = instruction.argument.split()
            places.update({f"{target}{Path(source).name}": source for source in sources})
    return places


def image_environment() -> dict[str, str]:
    """What ENV sets in the final stage."""
    instructions = dockerfile()
    last = instructions[-1].stage
    words = " ".join(each.argument for each in instructions if each.stage == last and each.keyword == "ENV")
    return dict(word.split("=", 1) for word in shlex.split(words))


def image_entrypoint() -> list[str]:
    """What stands before the command of every service."""
    (entrypoint,) = (each.argument for each in dockerfile() if each.keyword == "ENTRYPOINT")
    return list(json.loads(entrypoint))


def in_build_context(path: str) -> bool:
    """Whether .dockerignore lets a path of the repository into the build."""
    parts = Path(path).parts
    prefixes = ["/".join(parts[: number + 1]) for number in range(len(parts))]
    included = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        # `*` stops at slashes, `**/` is any number of folders; a pattern that meets a folder meets all in it.
        deep = pattern.startswith("**/")
        candidates = [prefix.rsplit("/", 1)[-1] for prefix in prefixes] if deep else prefixes
        wanted = pattern.removeprefix("**/")
        if any(each.count("/") == wanted.count("/") and fnmatch.fnmatch(each, wanted) for each in candidates):
            included = line.startswith("!")
    return included
