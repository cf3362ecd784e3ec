"""Secrets as files: read into the variables that libraries look at, by every command and by the image's entry point."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml_assets.errors import UserError
from ml_assets.secret_files import VARIABLES, read_secret_files
from ml_assets.settings.read.load import load_settings

URL = "postgresql://shop:hunter2@db/shop"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Variables as they are here, put back afterwards whatever a test has read."""
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.chdir(tmp_path)


def written(folder: Path, text: str) -> str:
    file = folder / "secret"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", [*VARIABLES, "ML_ASSETS_SOURCE__URL", "ML_ASSETS_ALERTS__HEARTBEAT_URL"])
def test_each_secret_may_be_given_as_a_file(name: str, tmp_path: Path) -> None:
    environment = {f"{name}_FILE": written(tmp_path, f" {URL}#\n")}
    read_secret_files(environment)
    assert environment == {name: f" {URL}#"}


def test_variables_that_other_programs_know_by_that_ending_stay(tmp_path: Path) -> None:
    known = {"AWS_SHARED_CREDENTIALS_FILE": written(tmp_path, "keys"), "SSL_CERT_FILE": "/x", "PGPASSWORD_FILE": ""}
    environment = dict(known)
    read_secret_files(environment)
    assert environment == known


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (None, {}, "DATABASE_URL_FILE names .*/secret, which cannot be read: No such file"),
        ("\n", {}, "DATABASE_URL_FILE names .*/secret, which is empty"),
        (URL, {"DATABASE_URL": URL}, "DATABASE_URL and DATABASE_URL_FILE are both set"),
    ],
)
def test_a_file_that_gives_no_secret_is_refused_by_name(
    content: str | None, more: dict[str, str], words: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content) if content is not None else str(tmp_path / "secret")
    with pytest.raises(UserError, match=words) as refused:
        read_secret_files({"DATABASE_URL_FILE": path, **more})
    assert "hunter2" not in str(refused.value)


def test_settings_read_the_file_and_never_show_what_is_in_it(tmp_path: Path) -> None:
    os.environ["DATABASE_URL_FILE"] = os.environ["ML_ASSETS_SOURCE__URL_FILE"] = written(tmp_path, URL)
    (tmp_path / "ml_assets.yaml").write_text("source: {kind: postgres, table: orders}", encoding="utf-8")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.source.kind == "postgres"
    assert settings.source.url is not None
    assert settings.database_url.get_secret_value() == settings.source.url.get_secret_value() == URL
    assert "hunter2" not in repr(settings)


def test_the_entry_point_becomes_the_command_and_says_what_is_missing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ml_assets.secret_files",
        "sh",
        "-c",
        'echo "$PGPASSWORD $$ ${PGPASSWORD_FILE-gone}"',
    ]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[1])}
    secret = {"PGPASSWORD_FILE": written(tmp_path, "s3cret/@: word\n")}
    with subprocess.Popen(command, env=environment | secret, stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0] == f"s3cret/@: word {process.pid} gone\n"
    missing = {"PGPASSWORD_FILE": "/nowhere"}
    refused = subprocess.run(command, env=environment | missing, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: PGPASSWORD_FILE names /nowhere, which cannot be read")
