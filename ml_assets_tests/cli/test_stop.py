"""`ml-assets stop` does not take the database from a command that is at work."""

import sys

import psycopg
import pytest

from ml_assets.cli import app as command
from ml_assets.database.embedded.server import start_embedded
from ml_assets_tests.conftest import short_lived_home


def test_the_embedded_server_is_not_stopped_under_a_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["ml-assets", "stop"])
    with short_lived_home() as home:
        monkeypatch.setenv("ML_ASSETS_HOME", str(home))
        monkeypatch.chdir(home)
        url = start_embedded(home)
        with psycopg.connect(url, application_name="ml-assets run, process 1"):
            assert command.exit_code() == 1
        assert "is being used by ml-assets run, process 1." in capfd.readouterr().err
        assert command.exit_code() == 0
        assert "is stopped" in capfd.readouterr().out
