"""`ml-assets ui`: real processes, and what remains of them after Ctrl-C and after a kill."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from ml_assets.cli.dagster_process import only_one, running
from ml_assets.cli.supervisor import members
from ml_assets_tests.cli.shops import PASSWORD

MAIN = "from ml_assets.cli.main import main; main()"
# The word by which what was left is known to be Dagster's.
PROGRAM = "import subprocess, time; subprocess.Popen(['sleep', '300']); time.sleep(300)  # dagster"
PARENT = f"""
import os, sys, time
from pathlib import Path
import psutil
from ml_assets.cli.dagster_process import only_one, stop
with only_one(Path(sys.argv[1]), "http://127.0.0.1:1", print) as place:
    process = place.start([sys.executable, "-c", {PROGRAM!r}], os.environ)
    while len(psutil.Process(process.pid).children(recursive=True)) < 2:
        time.sleep(0.01)
    print("started", flush=True)
    process.wait()
    stop(process)
"""
IMPATIENT = """
import sys
import time
from ml_assets.cli import supervisor
supervisor.SECONDS_TO_STOP = supervisor.SECONDS_TO_TERMINATE = 0.5
sys.exit(supervisor.main(sys.argv[1:]))
"""
DEAF = """
import signal, time
for sign in (signal.SIGINT, signal.SIGTERM):
    signal.signal(sign, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(300)
"""


@pytest.fixture
def environment(postgres_url: str, tmp_path: Path) -> dict[str, str]:
    return of_a_shop(postgres_url, tmp_path)


def of_a_shop(url: str, folder: Path) -> dict[str, str]:
    """The environment of a shop with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "ML_ASSETS_"))}
    return {**kept, "DATABASE_URL": f"{url}&password={PASSWORD}", "ML_ASSETS_HOME": str(folder / "home")}


@contextmanager
def ui(environment: dict[str, str], folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Dagster, as soon as it answers; killed with all it started at the end of a `with` block."""
    command = [sys.executable, "-c", MAIN, "ui", "--port", str(port)]
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        family: list[psutil.Process] = []
        try:
            assert process.stdout is not None
            assert any(f"http://127.0.0.1:{port}" in line for line in process.stdout)
            family = psutil.Process(process.pid).children(recursive=True)
            yield process
        finally:
            for one in [process, *family]:
                with suppress(psutil.Error):
                    one.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    family: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4, "supervisor, webserver, daemon and code server"
    return family


def end(family: list[psutil.Process]) -> bool:
    """Whether all of them end in a while."""
    _, alive = psutil.wait_procs(family, timeout=60)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def refused(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """What a command says that is refused."""
    command = [sys.executable, "-c", MAIN, *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    return done.stderr


@dataclass(frozen=True)
class TakenOver:
    """An `ml-assets ui` that was started where another had been killed."""

    home: Path
    port: int
    process: subprocess.Popen[str]
    killed: list[psutil.Process]
    """What the killed one had started."""


@pytest.fixture(scope="module")
def taken_over(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakenOver]:
    folder, port = tmp_path_factory.mktemp("ui"), free_port()
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE taken_over")
    environment = of_a_shop(embedded_url.replace("/postgres?", "/taken_over?"), folder)
    with ui(environment, folder, port) as process:
        killed = family_of(process)
        process.kill()
        process.wait()
        # On the same port: it waits until the killed one's webserver has left it.
        with ui(environment, folder, port) as following:
            yield TakenOver(folder / "home", port, following, killed)


def test_what_a_killed_ui_has_started_ends_and_the_next_one_takes_over(taken_over: TakenOver) -> None:
    assert end(taken_over.killed)
    owner = running(taken_over.home)
    assert owner is not None
    assert owner.pid == taken_over.process.pid


def test_the_ui_answers_its_own_pages_alone(taken_over: TakenOver) -> None:
    page = f"http://127.0.0.1:{taken_over.port}/server_info"
    with urllib.request.urlopen(page, timeout=10) as answer:
        assert answer.status == 200
    # `dagster dev` starts our guarded webserver instead of its own.
    foreign = urllib.request.Request(page, headers={"Host": "evil.example.com"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(foreign, timeout=10)


def test_other_commands_name_the_ui_that_runs(
    taken_over: TakenOver, environment: dict[str, str], tmp_path: Path
) -> None:
    environment["ML_ASSETS_HOME"] = str(taken_over.home)
    del environment["DATABASE_URL"]
    for arguments in (["ui", "--port", str(free_port())], ["stop"]):
        message = refused(environment, tmp_path, *arguments)
        assert f"`ml-assets ui`, process {taken_over.process.pid}, at http://127.0.0.1:{taken_over.port}" in message
        assert "Traceback" not in message


def test_no_process_shows_the_password_and_ctrl_c_leaves_none(taken_over: TakenOver) -> None:
    family = family_of(taken_over.process)
    assert [one.pid for one in family if PASSWORD in " ".join(one.cmdline())] == []
    taken_over.process.send_signal(signal.SIGINT)
    assert taken_over.process.wait(60) == 0
    assert end(family)
    assert running(taken_over.home) is None


@contextmanager
def parent(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Who holds the place in a home and has started a program with a child; killed at the end of a `with` block."""
    home.mkdir()
    command = [sys.executable, "-c", PARENT, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def test_what_a_supervisor_that_is_killed_has_started_is_ended_by_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path / "home") as process:
        (supervisor,) = psutil.Process(process.pid).children()
        family = supervisor.children(recursive=True)
        assert len(family) == 2
        supervisor.kill()
        assert end(family)
        assert process.wait(60) == 0


def test_what_a_parent_and_a_supervisor_killed_at_once_have_started_is_ended_by_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with parent(home) as process:
        (supervisor,) = psutil.Process(process.pid).children()
        # What it starts has started something itself.
        while len(family := supervisor.children(recursive=True)) < 2:
            time.sleep(0.05)
        # Nothing of it may end by itself, when a pipe breaks, before the next one comes.
        for one in family:
            one.suspend()
        for one in (supervisor, process):
            one.kill()
        process.wait()
        assert end([supervisor])
        assert members(supervisor.pid)
        for one in family:
            one.resume()
        assert running(home) is None
        with only_one(home, "http://127.0.0.1:1", pytest.fail):
            assert end(family)


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGTERM])
def test_what_the_supervisor_starts_ignores_no_signal(ignored: signal.Signals) -> None:
    """A shell ignores Ctrl-C for what it starts in the background, and Dagster then ignores SIGTERM as well."""
    told = "import signal; print([signal.getsignal(n) == signal.SIG_IGN for n in (2, 15)])"
    command = [sys.executable, "-m", "ml_assets.cli.supervisor", sys.executable, "-c", told]
    before = signal.signal(ignored, signal.SIG_IGN)
    try:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            line = process.stdout.read()
    finally:
        signal.signal(ignored, before)
    assert line == "[False, False]\n"


def test_a_supervisor_whose_parent_is_gone_kills_what_hears_no_signal() -> None:
    command = [sys.executable, "-c", IMPATIENT, sys.executable, "-c", DEAF]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "deaf\n"
        family = psutil.Process(process.pid).children()
        process.stdin.close()
        assert process.wait(60) == 0
        assert end(family)
