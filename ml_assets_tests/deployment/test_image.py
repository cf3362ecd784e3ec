"""The Dockerfile and its build context, as far as they can be judged without building."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module  # noqa: TID251 - every module of the folder, those to come as well
from pathlib import Path
from pkgutil import iter_modules

import pytest
from numba.core.dispatcher import Dispatcher

from ml_assets.models import kernels
from ml_assets.releases.copy import kernels as copy_kernels
from ml_assets_tests.deployment.files import (
    DOCKER,
    ROOT,
    compose,
    copied,
    dockerfile,
    image_environment,
    in_build_context,
)

INSTRUCTIONS = dockerfile()
LAST = [each for each in INSTRUCTIONS if each.stage == INSTRUCTIONS[-1].stage]
KERNELS = [import_module(f"{kernels.__name__}.{each.name}") for each in iter_modules(kernels.__path__)]


def name_of(loop: Dispatcher) -> str:
    """Of a loop, with its module: several may have the same."""
    return f"{loop.py_func.__module__.rpartition('.')[2]}.{loop.py_func.__name__}"


LOOPS = {
    name_of(value): value
    for module in (*KERNELS, copy_kernels)
    for value in vars(module).values()
    if isinstance(value, Dispatcher)
}
SOURCES = [
    source
    for each in INSTRUCTIONS
    if each.keyword == "COPY" and not each.argument.startswith("--from")
    for source in each.argument.split()[:-1]
]


def test_the_containers_do_not_run_as_root() -> None:
    (user,) = [each.argument for each in LAST if each.keyword == "USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    position = [each.keyword for each in LAST].index("USER")
    assert not {each.keyword for each in LAST[position:]} & {"COPY", "ADD"}


def test_bytecode_is_compiled_at_build_and_never_forbidden() -> None:
    assert not any("PYTHONDONTWRITEBYTECODE" in each.argument for each in INSTRUCTIONS)
    assert any("UV_COMPILE_BYTECODE=1" in each.argument for each in INSTRUCTIONS)
    assert any("compileall" in each.argument for each in LAST)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_copied_exists_and_reaches_the_build(source: str) -> None:
    assert (ROOT / source).exists()
    assert in_build_context(source)


def test_the_whole_package_reaches_the_build() -> None:
    for path in (ROOT / "ml_assets").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert in_build_context(path.relative_to(ROOT).as_posix()), path


@pytest.mark.parametrize(
    "path",
    [".git/config", "docker/.env", "docker/secrets/postgres_password",
     ".venv/bin/python", ".ml_assets/lake/items.parquet", "ml_assets_tests/conftest.py",
     "ml_assets/__pycache__/lake.cpython-312.pyc", "ml_assets.yaml"],
)  # fmt: skip
def test_secrets_results_and_caches_stay_out_of_the_build(path: str) -> None:
    assert not in_build_context(path)


def test_what_is_installed_is_locked_and_holds_no_tools_for_developers() -> None:
    installs = [each.argument for each in INSTRUCTIONS if "pip install" in each.argument]
    uv, requirements, project = installs
    assert "--require-hashes --requirement uv.txt" in uv
    assert "--require-hashes --constraint requirements.lock --requirement pyproject.toml" in requirements
    assert "--no-deps --build-constraint requirements.lock" in project
    assert "ARG" in {each.keyword for each in INSTRUCTIONS if each.argument == 'EXTRAS=""'}


def locked(path: Path) -> dict[str, set[str]]:
    """Versions by package; a package may have several, for several versions of Python."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"(?m)^([\w.-]+)(?:\[[^]]*\])?==([^ ]+)", path.read_text(encoding="utf-8")):
        versions.setdefault(name, set()).add(version)
    return versions


def test_the_lock_of_the_image_has_every_extra_of_production_in_the_versions_that_are_tested() -> None:
    image, tested = locked(DOCKER / "requirements.lock"), locked(ROOT / "requirements.lock")
    assert {name: versions for name, versions in image.items() if name in tested and versions != tested[name]} == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    production = [line for name, lines in extras.items() if name not in ("dev", "bench") for line in lines]
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"], *production]
    names = {re.sub(r"[_.]", "-", re.split(r"[\[<>=]", line)[0].lower()) for line in wanted}
    assert names <= image.keys()
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & image.keys()


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "--no-color", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)


def test_the_python_of_the_image_is_one_that_the_package_supports() -> None:
    arguments = dict(each.argument.split("=", 1) for each in INSTRUCTIONS if each.stage == -1)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {arguments['PYTHON']}" in project["classifiers"]
    assert {each.argument.split()[0] for each in INSTRUCTIONS if each.keyword == "FROM"} == {"${BASE}"}
    assert arguments["BASE"] == "python:${PYTHON}-slim-trixie"
    base = arguments["BASE"].replace("${PYTHON}", arguments["PYTHON"])
    code = compose({})["services"]["code"]
    assert code["build"]["args"]["BASE"] == base


def test_what_the_user_writes_lies_in_folders_made_for_it() -> None:
    made = {
        word
        for each in LAST
        if "install --directory --owner=ml_assets" in each.argument
        for word in each.argument.split()
    }
    environment = image_environment()
    for folder in (
        "/var/lib/ml_assets",
        "/var/lib/dagster",
        *(environment[key] for key in ("MPLCONFIGDIR", "NUMBA_CACHE_DIR")),
    ):
        assert {folder, str(Path(folder).parent)} & made
    assert {place for place in copied() if place.startswith(environment["DAGSTER_HOME"])} == {
        "/opt/dagster/home/dagster.yaml"
    }


def test_the_image_carries_every_kernel_compiled() -> None:
    """Those that only other kernels call are compiled with them, and are not called from here."""
    program = "from ml_assets import warm_up; from ml_assets_tests.deployment import test_image as t; warm_up.main(); "
    program += "print(*(name for name, loop in t.LOOPS.items() if loop.signatures))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    inner = {
        name_of(called)
        for loop in LOOPS.values()
        for name in loop.py_func.__code__.co_names
        if isinstance(called := loop.py_func.__globals__.get(name), Dispatcher)
    }
    assert LOOPS.keys() - inner <= set(ran.stdout.split())
    folders = {Path(str(loop.stats.cache_path)) for loop in LOOPS.values()}
    kept = {path.name.partition("-")[0] for folder in folders for path in folder.glob("*.nbc")}
    assert kept >= LOOPS.keys()
    assert any(each.argument == "python -m ml_assets.warm_up" for each in LAST if each.keyword == "RUN")
