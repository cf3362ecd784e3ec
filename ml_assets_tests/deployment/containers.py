"""The services of docker-compose.yaml as processes of this machine, with the same commands, files and variables.

What a container would have is put in its place: a folder for its file system, loopback and free ports for the network,
the socket of a real PostgreSQL (with passwords on) for the host `postgres`.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from ml_assets.database.embedded.server import psql_path, start_embedded, stop_embedded
from ml_assets_tests.deployment.files import DOCKER, ROOT, compose, copied, image_entrypoint, image_environment

PLACES = (
    "/run/secrets",
    "/opt/dagster",
    "/etc/ml_assets",
    "/var/lib/ml_assets",
    "/var/lib/dagster",
    "/var/cache/ml_assets",
)
# 4001 is port 4000 of the second shop's code server, which in the containers is a host of its own.
PORTS = ("3000", "4000", "4001", "9187")
# Libraries and programs of this test's own environment.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
SECONDS_TO_PROBE = 60
IS_LINUX = sys.platform == "linux"


class Containers:
    """One deployment; `close` ends everything it started, whatever state it is in."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self.password = password
        self.services: dict[str, Any] = compose({})["services"]
        self.ports = {port: _free_port() for port in PORTS}
        self.seconds_until_healthy: dict[str, float] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._families: dict[int, psutil.Process] = {}
        for place in PLACES:
            self._here(place).mkdir(parents=True)
        for place, source in copied().items():
            self._here(place).parent.mkdir(parents=True, exist_ok=True)
            self._here(place).write_text(self._translated((ROOT / source).read_text("utf-8")), encoding="utf-8")
        (self._here("/run/secrets") / "postgres_password").write_text(f"{password}\n", encoding="utf-8")
        shutil.copytree(DOCKER / "settings", self._here("/etc/ml_assets"), dirs_exist_ok=True)
        self._address = self._start_postgres()

    def database_url(self, *, with_password: bool = True) -> str:
        """The URL that the services get, with the password unless told otherwise."""
        url = self._environment("code")["DATABASE_URL"]
        return f"{url}&password={self.password.replace(' ', '%20')}" if with_password else url

    def lake(self) -> Path:
        """The folder on the volume `home`."""
        return self._here("/var/lib/ml_assets") / "lake"

    def settings_file(self) -> Path:
        """The settings of the shop, as the containers see them."""
        return self._here("/etc/ml_assets/ml_assets.yaml")

    def logs(self) -> Path:
        """The folder that the volume `logs` is."""
        return self._here("/var/lib/dagster")

    def start(self, name: str) -> None:
        """Start a service in a process group of its own; its output goes to NAME.log."""
        assert name not in self._processes or self._processes[name].poll() is not None, f"{name} is running already"
        # As by a shell in the background. Dagster would end on no signal, were it not for the image's entry point,
        # whose option is Linux's.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN if IS_LINUX else signal.default_int_handler)
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*(image_entrypoint() if IS_LINUX else []), *self._command(self.services[name]["command"])],
                env=self._environment(name),
                cwd=self._here(image_environment()["DAGSTER_HOME"]).parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started[name] = time.monotonic()
        signal.signal(signal.SIGINT, before)

    def add_shop(self, name: str, settings: str, services: dict[str, Any], workspace: str) -> None:
        """A second shop, by the services and the workspace that docs/operations.md shows for it."""
        (self._here("/etc/ml_assets") / f"{name}.yaml").write_text(settings, encoding="utf-8")
        for service, more in services.items():
            base = self.services[more["extends"]["service"]]
            command = [word.replace("4000", "4001") for word in base["command"]]
            probe = {"test": [word.replace("4000", "4001") for word in base["healthcheck"]["test"]]}
            environment = {**base["environment"], **more["environment"]}
            self.services[service] = {**base, "command": command, "healthcheck": probe, "environment": environment}
        elsewhere = workspace.replace(f"host: code-{name}, port: 4000", "host: code, port: 4001")
        (self._here("/opt/dagster") / "workspace.yaml").write_text(self._translated(elsewhere), encoding="utf-8")

    def finish(self, name: str, seconds: float = 120) -> int:
        """Wait until a service ends by itself; its exit code."""
        return self._processes[name].wait(seconds)

    def is_running_a_run(self, name: str) -> bool:
        """Whether a service has started the process of a run."""
        for child in psutil.Process(self._processes[name].pid).children():
            try:
                if any("spawn_main" in word for word in child.cmdline()):
                    return True
            except psutil.NoSuchProcess:  # Ended meanwhile, or a zombie.
                continue
        return False

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of the service, as it stands in the file, succeeds."""
        command = self._command(self.services[name]["healthcheck"]["test"][1:])
        probe = subprocess.run(
            command, env=self._environment(name), check=False, capture_output=True, timeout=SECONDS_TO_PROBE
        )
        return probe.returncode == 0

    def wait_until_healthy(self, name: str, seconds: float = 120) -> None:
        """Probe until the service is healthy; what it said goes into the error when it is not."""
        wait_until(lambda: self._is_up(name), seconds, lambda: f"{name} is not healthy:\n{self.output(name)}")
        self.seconds_until_healthy.setdefault(name, time.monotonic() - self._started[name])

    def output(self, name: str) -> str:
        """What a service has printed."""
        return (self.folder / f"{name}.log").read_text("utf-8", errors="replace")

    def stop(self, name: str, seconds: float) -> None:
        """What `docker stop` does: SIGTERM to the service, and patience."""
        self._note_families()
        self._processes[name].send_signal(signal.SIGTERM)
        self._processes[name].wait(seconds)

    def kill(self, name: str) -> None:
        """The process of a service dies, without a word."""
        self._note_families()
        self._processes[name].kill()
        self._processes[name].wait(10)

    def leftovers(self) -> list[str]:
        """Processes of stopped services that are still there."""
        _, alive = psutil.wait_procs(list(self._families.values()), timeout=5)
        return [" ".join(process.cmdline()) for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def close(self) -> None:
        """Kill what is left and stop PostgreSQL."""
        self._note_families()
        for process in self._families.values():
            if process.is_running():
                process.kill()
        for service in self._processes.values():
            service.wait(10)
        stop_embedded(self.folder / "postgres-home")

    def _is_up(self, name: str) -> bool:
        exit_code = self._processes[name].poll()
        assert exit_code is None, f"{name} ended with {exit_code}:\n{self.output(name)}"
        return self.is_healthy(name)

    def _note_families(self) -> None:
        # While parents live: orphans cannot be found any more.
        for service in self._processes.values():
            if service.poll() is None:
                parent = psutil.Process(service.pid)
                self._families.update({each.pid: each for each in (parent, *parent.children(recursive=True))})

    def _start_postgres(self) -> str:
        """A server as the image `postgres` makes it; returns the query part of URLs that lead to its socket."""
        home = self.folder / "postgres-home"
        url = start_embedded(home)
        wanted = self.services["postgres"]["environment"]
        user, database = sql.Identifier(wanted["POSTGRES_USER"]), sql.Identifier(wanted["POSTGRES_DB"])
        with psycopg.connect(url, autocommit=True) as connection:
            password = sql.Literal(self._here(wanted["POSTGRES_PASSWORD_FILE"]).read_text("utf-8").strip())
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(user, password))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, user))
            access = home / "postgres" / "pg_hba.conf"
            access.write_text("local all postgres trust\nlocal all all scram-sha-256\n", encoding="utf-8")
            connection.execute("SELECT pg_reload_conf()")
        return url.partition("?")[2]

    def _environment(self, name: str) -> dict[str, str]:
        passed_on = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        image = {key: self._translated(value) for key, value in image_environment().items() if key != "PATH"}
        service = {key: self._translated(value) for key, value in self.services[name]["environment"].items()}
        for key in ("DATABASE_URL", "DAGSTER_STORAGE_URL"):
            if key in service:
                address, _, query = service[key].partition("?")
                parts = [self._address, query] if query else [self._address]
                service[key] = f"{address.replace('@postgres:5432/', '@/')}?{'&'.join(parts)}"
        programs = [str(Path(sys.executable).parent), str(psql_path().parent), passed_on["PATH"]]
        # The code of this checkout, whichever is installed.
        places = {"PATH": ":".join(programs), "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}
        return {**passed_on, **image, **service, **places}

    def _command(self, words: list[str]) -> list[str]:
        socket_folder = re.findall("host=([^&]+)", self._address)[0].replace("%2F", "/")
        return [self._translated(word).replace("--host=127.0.0.1", f"--host={socket_folder}") for word in words]

    def _translated(self, text: str) -> str:
        """Text of a container, for this machine."""
        for place in PLACES:
            text = text.replace(place, f"{self.folder}{place}")
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        return text.replace("0.0.0.0", "127.0.0.1").replace("host: code", "host: 127.0.0.1")

    def _here(self, place: str) -> Path:
        return Path(f"{self.folder}{place}")


def wait_until(is_so: Callable[[], bool], seconds: float, problem: Callable[[], str]) -> None:
    """Ask until the answer is yes, or fail with the problem."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, problem()
        time.sleep(0.3)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
