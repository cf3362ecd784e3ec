"""Bad input ends with one message (what, where, next step), exit code 1, and nothing changed."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_assets.cli import app as command
from ml_assets_tests.shop import write_shop

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run `ml-assets ...` in an empty folder; returns exit code and standard error."""
    # Commands set variables for the processes they start, which must not outlive the test.
    environment = dict(os.environ)
    for variable in environment:
        if variable.startswith(("ML_ASSETS_", "DATABASE_URL", "PG", "DAGSTER_")):
            del os.environ[variable]
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["ml-assets", *arguments])
        code = command.exit_code()
        return code, capfd.readouterr().err

    yield call
    os.environ.clear()
    os.environ.update(environment)


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def refused(run: Run, *arguments: str) -> str:
    """The message of a command that must fail without changing anything."""
    before = files_in(Path.cwd())
    code, message = run(*arguments)
    assert code == 1, message
    assert message.count("Error:") == 1
    assert "Next:" in message
    assert "Traceback" not in message
    # Knowing the id types of the files is no result.
    left = {name for name in files_in(Path.cwd()) - before if not name.endswith((".json", ".ml_assets"))}
    assert left == set()
    return message


def test_an_unknown_setting_names_its_key(run: Run) -> None:
    Path("ml_assets.yaml").write_text("recomender: {k: 5}")
    assert "recomender is not a setting" in refused(run, "run")


def test_an_unreachable_database_is_named_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hunter2@127.0.0.1:1/shop")
    for arguments in (["status"], ["psql", "-c", "SELECT 1"], ["run"]):
        message = refused(run, *arguments)
        assert "127.0.0.1" in message
        assert "hunter2" not in message


@pytest.mark.parametrize("day", ["2024-02-30", "yesterday"])
def test_a_date_that_is_none_is_refused(run: Run, day: str) -> None:
    assert day in refused(run, "run", "--date", day)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--date", "1999-01-01"], "outside the range 2024-04-01 to"),
        (["--date", "2024-04-03"], "first week of data"),
        (["--date", "2025-01-01"], "holds no events for 2025-01-01; it covers 2024-04-01 to 2024-05-31"),
        (["--from", "2024-05-03"], "both --from and --to"),
        (["--from", "2024-05-03", "--to", "2024-05-01"], "is after"),
    ],
)
def test_a_day_that_cannot_be_run_is_refused_with_the_days_that_can(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    config = write_shop(tmp_path / "shop")
    assert words in refused(run, "run", "--config", str(config), *arguments)


def test_a_truncated_file_is_named(run: Run, tmp_path: Path) -> None:
    config = write_shop(tmp_path / "shop")
    broken = tmp_path / "shop" / "events" / "part-1.parquet"
    broken.write_bytes(broken.read_bytes()[:-30])
    assert "part-1.parquet cannot be read" in refused(run, "run", "--config", str(config))


def test_a_missing_column_is_named(run: Run, tmp_path: Path) -> None:
    config = write_shop(tmp_path / "shop")
    config.write_text(config.read_text().replace("time: sold_at", "time: bought_at"))
    message = refused(run, "run", "--config", str(config))
    assert "has no column bought_at" in message


def test_a_busy_port_is_named_with_another(run: Run) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        message = refused(run, "ui", "--port", str(port))
    assert f"Port {port}" in message
    assert f"--port {port + 1}" in message


def test_a_home_folder_that_cannot_be_written_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # A file in its place stops root as well, whom permissions do not.
    Path("occupied").write_text("")
    monkeypatch.setenv("ML_ASSETS_HOME", "occupied/home")
    assert "occupied" in refused(run, "run")


def test_a_cutoff_without_data_names_the_days_covered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_ASSETS_SOURCE__REPLAY", "false")
    message = refused(run, "evaluate", "--cutoff", "2020-01-01", "--horizon", "7", "30")
    assert "2017-01-01 to 2018-01-01" in message


def test_an_unknown_command_or_option_points_to_the_help(run: Run) -> None:
    assert "--help" in refused(run, "predict")
    assert "--help" in refused(run, "run", "--day", "2024-05-01")


@pytest.mark.parametrize("command", ["status", "releases", "models"])
def test_asking_where_no_shop_is_starts_no_database(run: Run, command: str) -> None:
    assert "There is no shop in " in refused(run, command)
    assert not Path(".ml_assets").exists()


def test_an_error_that_nobody_foresaw_is_one_message_with_its_details_in_a_file(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise StopAsyncIteration("nothing follows")

    monkeypatch.setattr("ml_assets.cli.status.load_settings", stumble)
    message = refused(run, "status")
    assert "unforeseen: StopAsyncIteration: nothing follows." in message
    (name,) = re.findall(r"details are in (\S+);", message)
    assert "Traceback" in Path(name).read_text(encoding="utf-8")
    Path(name).unlink()
