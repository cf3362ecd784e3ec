"""A standalone master of Spark with workers, each a process of its own on loopback."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

STARTS_WITHIN = 120
RUNNER = "org.apache.spark.deploy"


@dataclass
class Cluster:
    """A master, and workers that may be killed."""

    folder: Path
    master: subprocess.Popen[bytes] | None = None
    url: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        self.master = self._run("master", f"{RUNNER}.master.Master", "--port", "0", "--webui-port", "0")
        self.url = self._told("master", r"Starting Spark master at (spark://\S+)")

    def add_worker(self) -> None:
        name = f"worker-{len(self.workers)}"
        address = ("--cores", "1", "--memory", "2g", "--webui-port", "0", "--work-dir", str(self.folder / name))
        self.workers.append(self._run(name, f"{RUNNER}.worker.Worker", *address, self.url))
        self._told(name, "Successfully registered with master")

    def kill_worker(self, number: int) -> None:
        """The worker, and the executors that it started, at once."""
        os.killpg(self.workers[number].pid, signal.SIGKILL)
        self.workers[number].wait()

    def executor_of(self, number: int) -> bool:
        """Whether the worker has started an executor that answered."""
        logs = (self.folder / f"worker-{number}").glob("*/*/stderr")
        return any("Successfully registered with driver" in log.read_text("utf-8") for log in logs)

    def stop(self) -> None:
        for process in [*self.workers, *([self.master] if self.master else [])]:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _run(self, name: str, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        import pyspark

        program = Path(pyspark.__file__).parent / "bin" / "spark-class"
        environment = {
            **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }  # fmt: skip
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [program, what, "--host", "127.0.0.1", *arguments],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip

    def _told(self, name: str, pattern: str) -> str:
        log, until = self.folder / f"{name}.log", monotonic() + STARTS_WITHIN
        while monotonic() < until:
            if found := re.search(pattern, log.read_text("utf-8")):
                return found[found.lastindex or 0]
            sleep(0.2)
        raise AssertionError(f"{name} did not start: {log.read_text('utf-8')}")


@contextmanager
def cluster_of(folder: Path, workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.start()
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.stop()
